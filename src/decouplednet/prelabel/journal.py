"""What came of each image so far, line by line, so that a killed call can be gone on with."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from decouplednet.annotations.files import not_written
from decouplednet.errors import DataError
from decouplednet.prelabel.disagreements import Disagreement

FORMAT_VERSION = 1


class Begun(BaseModel):
    """By what pre-labels are made: the first line. A call with another goes on with nothing.

    Attributes:
        format_version: of the file.
        model: digest of the model.
        classes: of the data set.
        hard: whether nothing but the tagged classes is segmented.
        suggest_above: probability from which others are, where they may be.
        tile: side of the tiles in which large images are seen, in pixels; None: in none.
        certainty: from which on pixels are kept, of background and each class; None: all are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format_version: int = FORMAT_VERSION
    model: str
    classes: list[str]
    hard: bool
    suggest_above: float
    tile: int | None
    certainty: dict[str, float] | None


class Done(BaseModel):
    """What came of one image: a line.

    Attributes:
        image: its name.
        tags: it was segmented under; None: the model decided.
        size: (H, W) in pixels.
        confidence: of the image.
        of_class: confidence of background and each class that was looked for.
        disagreements: of the tags and the model.
        unsure: share of the pixels that are 255.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    tags: tuple[str, ...] | None
    size: tuple[int, int]
    confidence: float
    of_class: dict[str, float]
    disagreements: tuple[Disagreement, ...]
    unsure: float


@dataclass(frozen=True, slots=True)
class _Line:
    """Where the line of an image starts, and what of it is needed of all images at once."""

    start: int
    tags: tuple[str, ...] | None
    confidence: float


@dataclass(slots=True, eq=False)
class Journal:
    """The file of a folder of pre-labels; of two lines of one image the later counts.

    Args:
        path: of the file, which may be missing.
    """

    path: Path
    _lines: dict[str, _Line] = field(default_factory=dict, init=False)
    _stream: FileIO | None = field(default=None, init=False)

    def __contains__(self, image: str) -> bool:
        return image in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def tags_of(self, image: str) -> tuple[str, ...] | None:
        """Return the tags that an image was segmented under."""
        return self._lines[image].tags

    def confidence_of(self, image: str) -> float:
        """Return the confidence of an image."""
        return self._lines[image].confidence

    def done(self, image: str) -> Done:
        """Return what came of an image.

        Raises:
            DataError: the file is not what it was.
        """
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._lines[image].start)
                return Done.model_validate_json(stream.readline())
        except (OSError, ValidationError):
            raise DataError(f"{self.path}: was changed meanwhile; call once more") from None

    @contextmanager
    def writing(self, begun: Begun) -> Iterator[None]:
        """Let lines be added behind those that are there.

        Args:
            begun: by what pre-labels are made now.

        Raises:
            DataError: the file cannot be written, is damaged, or was begun otherwise.
        """
        end = self._read(begun) if os.path.lexists(self.path) else 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            stream = self.path.open("ab", buffering=0)
            stream.truncate(end)  # a line that was being written when somebody killed the call
        except OSError as fault:
            raise DataError(f"{self.path}: {not_written(fault)}") from None
        with stream:
            self._stream = stream
            if end == 0:
                self._write(begun)
            yield

    def add(self, done: Done) -> None:
        """Write the line of an image, whose mask is there already.

        Raises:
            DataError: the disk is full, or the like; the line is not there then.
        """
        start = self._write(done)
        self._lines[done.image] = _Line(start, done.tags, done.confidence)

    def _write(self, value: BaseModel) -> int:
        """Write a line to the end and return where it starts."""
        stream, line = self._stream, f"{value.model_dump_json()}\n".encode()
        if stream is None:
            raise ValueError("the journal is not open for writing")
        start = stream.seek(0, os.SEEK_END)
        fault: OSError | None = None
        try:
            if stream.write(line) < len(line):
                fault = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as refused:
            fault = refused
        if fault is not None:
            with suppress(OSError):
                stream.truncate(start)
            raise DataError(f"{self.path}: {not_written(fault)}")
        return start

    def _read(self, begun: Begun) -> int:
        """Read all lines; return where the last whole one ends, 0 if there is none."""
        end = 0
        try:
            with self.path.open("rb") as stream:
                for line in stream:
                    if not line.endswith(b"\n"):
                        break
                    self._take(line, end, begun)
                    end += len(line)
        except OSError as fault:
            raise DataError(f"{self.path}: cannot be read: {fault.strerror}") from None
        except ValidationError:
            raise DataError(
                f"{self.path}: damaged at byte {end}; choose another --out, or remove the folder"
            ) from None
        return end

    def _take(self, line: bytes, start: int, begun: Begun) -> None:
        if start == 0:
            self._compare(Begun.model_validate_json(line), begun)
            return
        done = Done.model_validate_json(line)
        self._lines[done.image] = _Line(start, done.tags, done.confidence)

    def _compare(self, before: Begun, now: Begun) -> None:
        """Refuse to go on by other rules.

        Raises:
            DataError: the file was begun by others; the message names the first that differs.
        """
        for name, value in now:
            old = getattr(before, name)
            if old == value:
                continue
            said = "another model" if name == "model" else f"{name} = {old!r}, not {value!r}"
            raise DataError(
                f"{self.path}: was begun with {said}; go on as it was begun, or choose another "
                "--out"
            )
