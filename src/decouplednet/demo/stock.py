"""The pictures inside the package, opened: cut-outs by class, things of no class, photographs."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from PIL import Image

from decouplednet.classes import ClassList
from decouplednet.demo.sources import DESIGNS, DISTRACTORS, PHOTOGRAPHS, cutout_name

CLASSES = ClassList(tuple(DESIGNS))
_ASSETS = files("decouplednet.demo") / "assets"


@dataclass(frozen=True, slots=True)
class Stock:
    """What scenes are made of.

    Args:
        cutouts: for each class, its designs as RGBA pictures without transparent border.
        distractors: designs of no class, likewise.
        photographs: RGB pictures that show none of the classes.
    """

    cutouts: Mapping[str, tuple[Image.Image, ...]]
    distractors: tuple[Image.Image, ...]
    photographs: tuple[Image.Image, ...]


def open_stock() -> Stock:
    """Return the pictures of the package, decoded."""
    return Stock(
        cutouts={
            name: tuple(_read(cutout_name(name, design)) for design in designs)
            for name, designs in DESIGNS.items()
        },
        distractors=tuple(_read(cutout_name("distractor", design)) for design in DISTRACTORS),
        photographs=tuple(_read(photograph.name) for photograph in PHOTOGRAPHS),
    )


def asset_names() -> list[str]:
    """Return the names of all asset files, sorted."""
    return sorted(entry.name for entry in _ASSETS.iterdir())


def read_attribution() -> bytes:
    """Return the page that credits the pictures, as UTF-8."""
    return (_ASSETS / "ATTRIBUTION.md").read_bytes()


def _read(name: str) -> Image.Image:
    with (_ASSETS / name).open("rb") as file:
        picture = Image.open(file)
        picture.load()
    return picture
