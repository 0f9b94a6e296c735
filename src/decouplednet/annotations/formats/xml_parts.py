"""The elements right below the root of an XML file of any size, one after the other."""

from collections.abc import Generator
from pathlib import Path
from xml.etree import ElementTree

from decouplednet.errors import DataError

_CHUNK = 2**16
_LARGEST = 2**26  # bytes of one element; the masks of a large image take some of 2**20
_DEEPEST = 16


def xml_parts(path: Path) -> Generator[ElementTree.Element, None, None]:
    """Yield the elements below the root of a file, of which one is in memory at a time.

    Raises:
        DataError: the file cannot be read, is no XML, has a document type, which might define
            entities that grow without measure, or an element of it is too large or nested too
            deeply.
    """
    builder = _Parts()
    parser = ElementTree.XMLParser(target=builder)  # noqa: S314 - document types are refused
    waiting = 0
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                parser.feed(chunk)
                waiting = 0 if builder.done else waiting + len(chunk)
                if waiting > _LARGEST:
                    raise DataError(f"{path}: an element has more than {_LARGEST} bytes")
                yield from builder.taken()
            parser.close()
            yield from builder.taken()
    except _RefusedError as fault:
        raise DataError(f"{path}: {fault}") from None
    except OSError as fault:
        raise DataError(f"{path}: cannot be read: {fault.strerror}") from None
    except (ElementTree.ParseError, LookupError, ValueError) as fault:
        raise DataError(f"{path}: not an XML file: {fault}") from None


class _RefusedError(Exception):
    """The parser met what is refused."""


class _Parts:
    """What the parser calls: builds each element below the root on its own."""

    def __init__(self) -> None:
        self.done: list[ElementTree.Element] = []
        self._depth = 0
        self._builder = ElementTree.TreeBuilder()

    def taken(self) -> list[ElementTree.Element]:
        """Return the elements that are complete, and forget them."""
        done, self.done = self.done, []
        return done

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _RefusedError(f"elements are nested more than {_DEEPEST} deep")
        if self._depth == 2:
            self._builder = ElementTree.TreeBuilder()
        if self._depth > 1:
            self._builder.start(tag, attributes)

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._depth > 1:
            self._builder.end(tag)
        if self._depth == 2:
            self.done.append(self._builder.close())
        self._depth -= 1

    def data(self, text: str) -> None:
        """Text of an element."""
        if self._depth > 1:
            self._builder.data(text)

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        """A document type, which may define entities, begins."""
        del public, system
        raise _RefusedError(f"has a document type ({name}); remove its line <!DOCTYPE ...>")

    def close(self) -> None:
        """The file ends."""
