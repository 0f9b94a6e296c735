"""What the cells of a table of tags mean, which only the whole table tells."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from decouplednet.annotations.formats.refusals import ImageRefusedError, class_or_refusal
from decouplednet.classes import NOT_LOOKED_AT

_PRESENT = frozenset({"1", "1.0", "true", "yes"})
_ABSENT = frozenset({"0", "0.0", "false", "no"})
_UNSAID = frozenset({"", "nan", NOT_LOOKED_AT})
_MINUS = frozenset({"-1", "-1.0"})
_JOINTS = (";", "|", ",")
_MOST = 10_000  # different cells of several words that are compared


def says_class(cell: str) -> bool:
    """Tell whether a cell may stand in the column of a class."""
    return cell.strip().lower() in _PRESENT | _ABSENT | _UNSAID | _MINUS


def presence(cell: str, *, minus_is_unsaid: bool) -> bool | None:
    """Return whether a class is there; None: nobody said.

    Args:
        cell: of its column.
        minus_is_unsaid: what -1 means.

    Raises:
        ValueError: it means none of these.
    """
    value = cell.strip().lower()
    if value in _PRESENT:
        return True
    if value in _ABSENT or (value in _MINUS and not minus_is_unsaid):
        return False
    if value in _UNSAID or value in _MINUS:
        return None
    raise ValueError(value)


def has_absent(cells: Iterable[str]) -> bool:
    """Tell whether one of some cells is 0, so that -1 must mean something else.

    Beside 0, -1 means that nobody is sure (CheXpert); without any 0 it means that the class is
    absent (CelebA's list of attributes).
    """
    return any(cell.strip().lower() in _ABSENT for cell in cells)


@dataclass(slots=True)
class CellReading:
    """How the cells of a column of classes are read, learnt from all of them before.

    Args:
        plural: whether the column is called as if a cell named several.
        joint: what stands between the classes of a cell; empty: a cell names one.
        repeated: whether an image has several rows, each with one of its classes.
    """

    plural: bool
    joint: str = ""
    repeated: bool = False
    _images: set[str] = field(default_factory=set)
    _joints: set[str] = field(default_factory=set)
    _phrases: dict[tuple[str, ...], int] = field(default_factory=dict)

    def see(self, image: str, cell: str, line: int) -> None:
        """Take a row."""
        self.repeated = self.repeated or image in self._images
        self._images.add(image)
        self._joints |= {joint for joint in _JOINTS if joint in cell}
        words = tuple(cell.split())
        if words and len(self._phrases) < _MOST:
            self._phrases.setdefault(words, line)

    def decide(self) -> None:
        """Decide what stands between the classes of a cell.

        The first of ``;``, ``|`` and ``,`` that the column holds does. Spaces do where no image has
        two rows, the column is called as if a cell named several, and the words stand without each
        other as well.

        Raises:
            ImageRefusedError: words that are always together may be one name or several.
        """
        self._images.clear()
        self.joint = next((joint for joint in _JOINTS if joint in self._joints), "")
        several = [words for words in self._phrases if len(words) > 1]
        if self.joint or self.repeated or not self.plural or not several:
            return
        if not _are_single_words(self._phrases):
            self._refuse_inseparable(several)
        self.joint = " "

    def tags(self, cell: str) -> frozenset[str] | None:
        """Return the classes of a cell; None: nobody has looked.

        Raises:
            ImageRefusedError: a name cannot be the name of a class here.
        """
        if cell.strip() == NOT_LOOKED_AT:
            return None
        listed = cell.split(None if self.joint == " " else self.joint) if self.joint else [cell]
        return frozenset(class_or_refusal(one) for one in listed if one.strip()) - {""}

    def _refuse_inseparable(self, several: Iterable[tuple[str, ...]]) -> None:
        cells: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for words in self._phrases:
            for word in words:
                cells[word].add(words)
        for words in several:
            for one, other in pairwise(words):
                if cells[one] <= cells[other] or cells[other] <= cells[one]:
                    raise ImageRefusedError(
                        "unclear-names",
                        f"line {self._phrases[words]}: {' '.join(words)!r} may be one class or "
                        "several; join the classes of an image by ';' in all rows, or call the "
                        "column 'label' if each cell is one name",
                    )


def _are_single_words(phrases: Iterable[tuple[str, ...]]) -> bool:
    """Tell whether words show that no name has a space: all are numbers, or some hold a _."""
    words = [word for phrase in phrases for word in phrase]
    return all(word.isdigit() for word in words) or any("_" in word for word in words)
