"""Refusing what a file says of one image, without hiding what it says of the others."""

from reprlib import repr as shortened

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.class_names import class_name
from decouplednet.errors import DataError

BAD_NAME = "bad-class-name"


class ImageRefusedError(DataError):
    """What an annotation file says of one image cannot be used.

    Args:
        code: of the finding that it becomes, in kebab-case.
        message: what was found, what was expected, and the remedy.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def within(self, place: str) -> "ImageRefusedError":
        """Return the same refusal, with the place in front of its message."""
        return ImageRefusedError(self.code, f"{place}: {self}")


def class_or_refusal(written: object) -> str:
    """Return the name of a class as `class_name` has it, empty for background.

    Raises:
        ImageRefusedError: it cannot be the name of a class here.
    """
    name = class_name(written)
    if name is None:
        raise ImageRefusedError(
            BAD_NAME,
            f"{shortened(written)} cannot be the name of a class here: a name is a text other than "
            "'?', without ; , and control characters; rename the class and export anew",
        )
    return name


class Refusals:
    """Makes findings of what a file says of its images; what many share is told once, at the end.

    Args:
        file: as the user would type it.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._shared: dict[str, list[str]] = {}

    def finding(self, place: str, refused: ImageRefusedError) -> Finding | None:
        """Return the finding of a refusal, or None where it is told at the end.

        Args:
            place: of the image in the file, such as ``task 7``.
            refused: why it cannot be used.
        """
        if refused.code == BAD_NAME:
            self._shared.setdefault(str(refused), []).append(place)
            return None
        return Finding(refused.code, self._file, f"{place}: {refused}")

    def rest(self) -> tuple[Finding, ...]:
        """Return a finding for each name that cannot be the name of a class."""
        return tuple(
            Finding(BAD_NAME, self._file, f"{_some(places)}: {message}")
            for message, places in self._shared.items()
        )


def _some(places: list[str]) -> str:
    more = len(places) - 1
    return f"{places[0]} and {more} more" if more else places[0]
