"""What CVAT says of one image: its tags, and its shapes as a mask."""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from PIL import Image

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.class_names import bad_name, class_name
from decouplednet.annotations.formats.cvat_shapes import (
    SHAPES,
    SPARSE,
    Part,
    ShapeError,
    shape_parts,
)
from decouplednet.annotations.special_names import means_ignored, tidy_name
from decouplednet.classes import IGNORE, nearest_name

_UNREAD = {"cuboid": "cuboids", "skeleton": "skeletons"}


@dataclass(frozen=True, slots=True)
class ReadImage:
    """What an element ``image`` says.

    Args:
        tags: classes of its tags and shapes; empty: it is tagged as background, and nothing is
            drawn; None: nothing is said.
        mask: JSON of shapes, see `mask_kinds.shapes`; None: nothing is drawn, or a part of it
            cannot be read.
        drawn: classes of the shapes of the mask.
        faults: of the image, each once.
    """

    tags: frozenset[str] | None
    mask: dict[str, Any] | None
    drawn: frozenset[str]
    faults: tuple[Finding, ...]


def read_image_element(element: Element, labels: AbstractSet[str] | None, file: Path) -> ReadImage:
    """Return what CVAT says of an image.

    Shapes are sorted by their z_order; of those with the same, the later is on top. Around boxes,
    points and lines, and where cuboids and skeletons are, nobody knows what is there: 255.

    Args:
        element: ``image``.
        labels: the names in the file's ``meta``; None: it has none.
        file: that holds the element, for messages.
    """
    reading = _Reading(element.get("name", ""), labels, file)
    mask = reading.mask(element)
    drawn = frozenset(part["class"] for part in mask["parts"] if part["class"]) if mask else None
    tagged = {name for tag in element.iterfind("tag") if (name := reading.name(tag)) is not None}
    tags = frozenset(tagged - {""}) | (drawn or frozenset()) if tagged or drawn else None
    return ReadImage(tags, mask, drawn or frozenset(), tuple(reading.faults))


@dataclass(slots=True)
class _Reading:
    """Reads one image, and gathers its faults, each once.

    Args:
        image: as the file names it.
        labels: the names that there are; None: any.
        file: that holds the image.
        faults: found so far, in order.
    """

    image: str
    labels: AbstractSet[str] | None
    file: Path
    faults: dict[Finding, None] = field(default_factory=dict)

    def mask(self, element: Element) -> dict[str, Any] | None:
        """Return the JSON of what is drawn on an image; None: nothing, or not all can be read."""
        drawn = [child for child in element if child.tag in SHAPES]
        unread = Counter(child.tag for child in element if child.tag in _UNREAD)
        if unread:
            self._tell("unread-shape", _unread(unread))
        try:
            size = _size(element)
        except ShapeError as fault:
            self._tell("bad-image-size", f"{fault}; export it anew, or remove it")
            return None
        parts = self._parts(drawn)
        if not parts:
            return None
        sparse = bool(unread) or any(child.tag in SPARSE for child in drawn)
        return {"size": size, "rest": IGNORE if sparse else 0, "parts": parts}

    def name(self, element: Element) -> str | None:
        """Return the class of a shape or tag; "": background; None: it is ignored or no class."""
        written = tidy_name(element.get("label", ""))
        name = class_name(written)
        if name == "" or means_ignored(written):
            return name if name == "" else None
        if self.labels is not None and written not in self.labels:
            near = nearest_name(written, self.labels)
            hint = f"did you mean {near!r}?" if near else "add it there, or remove its shapes"
            self._tell("unknown-label", f"there is no label {written!r} in <meta>; {hint}")
            return None
        if name is None and self.labels is None:  # those in <meta> are told once for all images
            self.faults[bad_name(self.file, written)] = None
        return name

    def _parts(self, drawn: list[Element]) -> list[Part]:
        """Return the parts of all shapes, the lowest first; none if one of them is bad."""
        layers: list[tuple[int, list[Part]]] = []
        faults: list[str] = []
        for number, element in enumerate(drawn, start=1):
            try:
                layers.append((_order(element), shape_parts(element, self.name(element))))
            except ShapeError as fault:
                faults.append(f"shape {number}, a {element.tag}, {fault}")
        if faults:
            more = f" ({len(faults) - 1} more)" if faults[1:] else ""
            self._tell("bad-shape", f"{faults[0]}; draw it anew, or remove it{more}")
            return []
        layers.sort(key=lambda layer: layer[0])
        return [part for _, parts in layers for part in parts]

    def _tell(self, code: str, message: str) -> None:
        self.faults[Finding(code, str(self.file), f"image {self.image!r}: {message}")] = None


def _unread(counts: Counter[str]) -> str:
    listed = " and ".join(
        f"{count} {tag}" if count == 1 else f"{count} {_UNREAD[tag]}"
        for tag, count in sorted(counts.items())
    )
    verb = "is" if counts.total() == 1 else "are"
    return f"{listed} {verb} not read; draw polygons or masks instead, or remove them"


def _order(element: Element) -> int:
    text = element.get("z_order", "0")
    try:
        return int(text)
    except ValueError:
        raise ShapeError(f"has the z_order {text[:40]!r}, no whole number") from None


def _size(element: Element) -> list[int] | None:
    """Return [H, W] of the image that was drawn on, upright; None: the file does not say.

    Raises:
        ShapeError: it is no size of an image that may be read.
    """
    told = (element.get("height"), element.get("width"))
    if None in told:
        return None
    try:
        height, width = (int(text or "") for text in told)
    except ValueError:
        height = width = 0
    if height < 1 or width < 1:
        raise ShapeError(
            f"its width and height are {told[1]!r} and {told[0]!r}, no numbers of pixels"
        )
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and height * width > limit:
        raise ShapeError(f"is said to be {width} x {height} pixels, more than {limit} in all")
    return [height, width]
