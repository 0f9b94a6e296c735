"""The classes of a data set or model: their names, their indices and their colours."""

import difflib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from decouplednet.errors import DataError

BACKGROUND = 0
IGNORE = 255
MOST_CLASSES = IGNORE - 1
NOT_LOOKED_AT = "?"  # in place of tags
# Unicode's kinds of control characters, halves of characters, line and paragraph ends.
_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})

# Okabe and Ito's eight colours that colour-blind people can tell apart (Color Universal Design,
# 2008), without black, followed by variations for longer lists. Background is black.
_DISTINCT = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (153, 153, 153),
)


def composed(name: str) -> str:
    r"""Return a name with composed accents (NFC): file systems and spreadsheets write two kinds.

    >>> composed("cafe\u0301") == "caf\u00e9"
    True
    """
    return unicodedata.normalize("NFC", name)


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """Return the name most like ``name``, or None when nothing comes close.

    >>> nearest_name("Cta", ["cat", "horse"])
    'cat'
    """
    by_folded = {candidate.casefold(): candidate for candidate in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def colour_of(index: int) -> tuple[int, int, int]:
    """Return the red, green and blue, 0 to 255, that stand for a class index in every picture.

    Args:
        index: 0 (black) for background, 1 and up for the classes, 255 (white) for ignored pixels.
    """
    if index == BACKGROUND:
        return (0, 0, 0)
    if index == IGNORE:
        return (255, 255, 255)
    turn, place = divmod(index - 1, len(_DISTINCT))
    red, green, blue = _DISTINCT[place]
    # Each further round of eight is darker, so neighbours in the list stay far apart.
    share = 0.72**turn
    return (round(red * share), round(green * share), round(blue * share))


def palette() -> bytes:
    """Return the 768 bytes of the palette that label maps and masks are written with."""
    return bytes(channel for index in range(256) for channel in colour_of(index))


@dataclass(frozen=True, slots=True)
class ClassList:
    """The classes in index order: ``names[0]`` has index 1, because 0 is background.

    Args:
        names: at least one and at most 254 different names; none is empty, ``background``, ``?``,
            has spaces at its ends, or holds ``;``, ``,``, a line break or a control character.

    Raises:
        DataError: a name breaks these rules; the message says which.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a list that could not be written to ``classes.txt`` and read back."""
        if not 1 <= len(self.names) <= MOST_CLASSES:
            raise DataError(
                f"a class list holds 1 to {MOST_CLASSES} names; this one holds {len(self.names)}"
            )
        seen: set[str] = set()
        for name in self.names:
            _check_name(name)
            if name in seen:
                raise DataError(f"class {name!r} is listed twice")
            seen.add(name)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def index(self, name: str) -> int:
        """Return the index of a class, from 1.

        Raises:
            DataError: there is no such class; the message names the nearest one.
        """
        if name not in self.names:
            raise DataError(f"{self.unknown(name)}")
        return self.names.index(name) + 1

    def unknown(self, name: str) -> str:
        """Return the sentence that refuses a name which is not in this list."""
        near = nearest_name(name, self.names)
        known = ", ".join(self.names[:10]) + (", ..." if len(self.names) > 10 else "")
        return f"there is no class {name!r}" + (
            f"; did you mean {near!r}?" if near else f"; the classes are {known}"
        )


def _check_name(name: str) -> None:
    forbidden = any(sign in ";," or unicodedata.category(sign) in _NO_TEXT for sign in name)
    if not name or name != name.strip() or forbidden:
        raise DataError(
            f"class name {name!r} is empty, has spaces at its ends, or holds one of ; , or a "
            "line break or another control character; choose another name"
        )
    if name == NOT_LOOKED_AT:
        raise DataError(
            f"class name {name!r} is what tags.csv says of an image that nobody has looked at; "
            "choose another name"
        )
    if name == "background":
        raise DataError("'background' is index 0 of every class list and is not listed")
