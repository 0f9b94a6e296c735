"""What the columns of a table of tags mean, by the first line of the table."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.formats.refusals import ImageRefusedError, class_or_refusal
from decouplednet.errors import DataError

DELIMITERS = (",", ";", "\t")

# With spaces, hyphens and underscores taken out.
_IMAGE = frozenset(
    (
        *("image", "images", "imagename", "imagefile", "imagepath", "imageid", "img"),
        *("file", "filename", "filepath", "path", "id"),
    )
)
_ONE_LABEL = frozenset({"label", "class", "tag"})
_LABELS = frozenset({"labels", "classes", "tags"})
_PREDICTED = ("image", "class", "score")  # what `decouplednet predict` writes


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a table mean.

    Args:
        delimiter: that stands between them.
        names: as the first line has them.
        image: the place of the column that names the image.
        label: the place of the column that names classes; None: each class has a column.
        plural: whether the column of classes is called as if it named several.
        classes: where each class has a column: its name and its place.
    """

    delimiter: str
    names: tuple[str, ...]
    image: int
    label: int | None
    plural: bool
    classes: tuple[tuple[str, int], ...]

    @property
    def unread(self) -> tuple[str, ...]:
        """The names of the columns that say nothing about tags."""
        read = {self.image, self.label, *(place for _, place in self.classes)}
        return tuple(name for place, name in enumerate(self.names) if name and place not in read)


def columns_of(path: Path, text: str, *, lenient: bool = False) -> Columns:
    """Return what the columns of a table mean.

    Args:
        path: of the table, for messages.
        text: of the table, at least its first line.
        lenient: whether the first of several columns counts, and bad names of classes do not.

    Raises:
        DataError: no column names the image or the classes, or several may.
    """
    first = next((line for line in text.splitlines() if line.strip(" ,;\t")), "")
    delimiter, names = _header(path, first)
    images = [place for place, name in enumerate(names) if _key(name) in _IMAGE]
    labels = [place for place, name in enumerate(names) if _key(name) in _ONE_LABEL | _LABELS]
    for places, what in ((images, "image"), (labels, "classes")):
        if len(places) > 1 and not lenient:
            raise _several(path, [names[place] for place in places], what)
    if labels:
        plural = _key(names[labels[0]]) in _LABELS
        return Columns(delimiter, names, images[0], labels[0], plural, ())
    classes = _classes(path, names, images[0], lenient=lenient)
    if not classes:
        raise DataError(
            f"{path}: the first line names no class: it is {first!r}; name a column 'labels', or "
            "make a column for each class"
        )
    return Columns(delimiter, names, images[0], None, False, classes)


def is_prediction(columns: Columns) -> bool:
    """Tell whether a table is one that `decouplednet predict` wrote."""
    return columns.names == _PREDICTED


def _header(path: Path, first: str) -> tuple[str, tuple[str, ...]]:
    for delimiter in DELIMITERS:
        names = tuple(cell.strip() for cell in _cells(first, delimiter))
        if len(names) > 1 and any(_key(name) in _IMAGE for name in names):
            return delimiter, names
    raise DataError(
        f"{path}: the first line must name the columns, one of them 'image'; it is {first!r}"
    )


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a cell that is too long
        return []


def _several(path: Path, names: Sequence[str], what: str) -> DataError:
    listed = " and ".join(map(repr, names))
    return DataError(
        f"{path}: the columns {listed} may both name the {what}; remove or rename all but one"
    )


def _classes(
    path: Path, names: Sequence[str], image: int, *, lenient: bool
) -> tuple[tuple[str, int], ...]:
    """Return the columns of classes; one without a name numbers the rows, as pandas writes it."""
    classes: dict[str, int] = {}
    for place, written in enumerate(names):
        if place == image or not written or written.startswith("Unnamed: "):
            continue
        try:
            name = class_or_refusal(written)
        except ImageRefusedError as refused:
            if lenient:
                continue
            raise DataError(f"{path}: column {place + 1}: {refused}") from None
        if name in classes and not lenient:
            raise DataError(f"{path}: the class {name!r} has two columns; remove one of them")
        if name:  # background is no class
            classes[name] = place
    return tuple(classes.items())


def _key(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign not in " -_")
