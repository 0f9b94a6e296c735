"""The elements of long arrays in a JSON file, one after the other, however long the file is."""

import json
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from decouplednet.errors import DataError

LONGEST = 2**26
"""Most characters of one element: 64 million."""

_CHUNK = 2**16  # characters that are read at once
_SPACE = re.compile(r"[ \t\n\r]*")
_OPEN = re.compile(r"[-+.eE0-9]*\Z")  # what a number may go on with, up to the end of the text
_DECODER = json.JSONDecoder()


def json_items(
    path: Path, keys: Collection[str], longest: int = LONGEST
) -> Iterator[tuple[str, Any]]:
    """Yield the elements of arrays that lie at the top of a file, which is one JSON object.

    Never more than one element is held. Arrays come in the order of the file.

    Args:
        path: the file.
        keys: of the arrays; all else is passed over.
        longest: most characters of one element.

    Yields:
        Key and element; before the first element of each array its key and None. Elements that are
        null are passed over.

    Raises:
        DataError: the file cannot be read, is no UTF-8, no JSON object or cut short, or an element
            is longer or nested deeper than a sound file has it. What was yielded before stands.
    """
    with _reading(path) as stream:
        yield from _members(_Text(stream, path, longest), keys)


def list_items(path: Path, longest: int = LONGEST) -> Iterator[Any]:
    """Yield the elements of a file that is one JSON array; never more than one is held.

    Args:
        path: the file.
        longest: most characters of one element.

    Raises:
        DataError: as `json_items`.
    """
    with _reading(path) as stream:
        text = _Text(stream, path, longest)
        yield from _elements(text)
        if text.sign():
            raise text.fault("nothing after the array that the file is")


@contextmanager
def _reading(path: Path) -> Iterator[TextIO]:
    """Give the text of a file; what is wrong with the file becomes one line."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without end
            raise DataError(f"{path}: it is no regular file")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield stream
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except OSError as fault:
        raise DataError(f"{path}: cannot be read: {fault.strerror}") from None


def _members(text: "_Text", keys: Collection[str]) -> Iterator[tuple[str, Any]]:
    text.take("{")
    end = text.take("}") if text.sign() == "}" else ","
    while end == ",":
        key = text.value()
        text.take(":")
        if text.sign() != "[":
            text.value()
        elif isinstance(key, str) and key in keys:
            yield key, None
            yield from ((key, element) for element in _elements(text) if element is not None)
        else:
            for _ in _elements(text):
                pass
        end = text.take(",}")
    if text.sign():
        raise text.fault("nothing after the object that the file is")


def _elements(text: "_Text") -> Iterator[Any]:
    text.take("[")
    end = text.take("]") if text.sign() == "]" else ","
    while end == ",":
        yield text.value()
        end = text.take(",]")


class _Text:
    """The part of a file that is being read."""

    def __init__(self, stream: TextIO, path: Path, longest: int) -> None:
        self._stream, self._path, self._longest = stream, path, longest
        self._text, self._place = "", 0
        self._passed = 0  # characters before the text
        self._ended = False

    def sign(self) -> str:
        """Return the next character that is no space, which stays; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self._place)
            self._place = space.end() if space else self._place
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more():
                return ""

    def take(self, signs: str) -> str:
        """Return the next character, which must be one of some, and pass it."""
        sign = self.sign()
        if not sign or sign not in signs:
            raise self.fault(" or ".join(signs))
        self._place += 1
        return sign

    def value(self) -> Any:
        """Return the next value of any kind, and pass it."""
        self.sign()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._place)
            except RecursionError:
                raise self._unsound("is nested too deep") from None
            except ValueError:  # perhaps its end has not been read yet
                if not self._more():
                    raise self._unsound("is no sound JSON, or the file is cut short") from None
                continue
            cut = isinstance(value, int | float) and _OPEN.match(self._text, end)
            if not cut or not self._more():
                self._place = end
                return value

    def fault(self, expected: str) -> DataError:
        """Return the refusal of what comes next."""
        sign = self._text[self._place : self._place + 1]
        place = self._passed + self._place + 1
        found = f"character {place} is {sign!r}" if sign else "the file ends there, cut short"
        return DataError(f"{self._path}: no sound JSON: expected {expected}, but {found}")

    def _unsound(self, what: str) -> DataError:
        place = self._passed + self._place + 1
        return DataError(f"{self._path}: the value at character {place} {what}; export it anew")

    def _more(self) -> bool:
        """Read as much again as waits to be understood; tell whether there was any."""
        waiting = len(self._text) - self._place
        if waiting > self._longest:
            raise self._unsound(f"is no sound JSON, or has more than {self._longest} characters")
        added = "" if self._ended else self._stream.read(max(_CHUNK, waiting))
        if not added:
            self._ended = True
            return False
        self._text, self._passed = self._text[self._place :] + added, self._passed + self._place
        self._place = 0
        return True
