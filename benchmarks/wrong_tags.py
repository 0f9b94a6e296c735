"""A copy of a data set with faults in its tags, of which each is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.record import Record
from decouplednet.annotations.tags import write_tags

Kind = Literal["removed", "added", "swapped"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done to the tags of one image.

    Args:
        name: of the image.
        kind: ``removed``: one of its tags is gone; ``added``: it has one more; ``swapped``: one
            of its tags was replaced by another.
        missing: the class whose tag is gone, or None.
        wrong: the class that was added, or None.
    """

    name: str
    kind: Kind
    missing: str | None
    wrong: str | None


def inject(
    tags: Mapping[str, frozenset[str]], classes: Sequence[str], share: float, seed: int
) -> tuple[dict[str, frozenset[str]], tuple[Fault, ...]]:
    """Return tags with faults in a share of the images, one in each, and the faults.

    Half of them are removed tags; of the others every second one is added, and every second one
    swapped. The images are drawn among those with at least one of the classes and without at
    least another, so that each may have any fault; the classes are drawn alike.

    Args:
        tags: of each image; names that are none of the classes stay as they are.
        classes: the classes whose tags may be wrong.
        share: of all images, in [0, 1].
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    known = {name: sorted(its & set(classes)) for name, its in sorted(tags.items())}
    able = [name for name, its in known.items() if 0 < len(its) < len(classes)]
    chosen = rng.permutation(len(able))[: round(share * len(tags))]
    changed, faults = dict(tags), list[Fault]()
    for place, number in enumerate(chosen.tolist()):
        name = able[number]
        its = known[name]
        kind = _kind(place)
        missing = None if kind == "added" else its[int(rng.integers(len(its)))]
        absent = [one for one in classes if one not in its]
        wrong = None if kind == "removed" else absent[int(rng.integers(len(absent)))]
        changed[name] = (tags[name] - {missing}) | ({wrong} if wrong else frozenset())
        faults.append(Fault(name, kind, missing, wrong))
    return changed, tuple(faults)


def _kind(place: int) -> Kind:
    if place % 2 == 0:
        return "removed"
    return "added" if place % 4 == 1 else "swapped"


def write_copy(
    catalogue: Catalogue,
    out: Path,
    tags: Mapping[str, frozenset[str]],
    masked: Sequence[Record],
    splits: Mapping[str, Sequence[str]],
) -> Path:
    """Write a data set in the native layout whose images and masks are links to those of another.

    Args:
        catalogue: the other one.
        out: where the copy goes, new.
        tags: of its images; others are left out.
        masked: images whose masks it has.
        splits: its lists, of names of images.
    """
    for name in tags:
        record = catalogue.record(name)
        _link(out / "images" / f"{name}{record.image.suffix}", record.image)
    for record in masked:
        if record.mask is not None:
            _link(out / "masks" / f"{record.name}.png", record.mask.path)
    (out / "classes.txt").write_text("".join(f"{name}\n" for name in catalogue.classes))
    write_tags(out / "tags.csv", {name: sorted(its) for name, its in tags.items()})
    (out / "splits").mkdir()
    for split, names in splits.items():
        (out / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    return out


def _link(place: Path, source: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(source.resolve())
