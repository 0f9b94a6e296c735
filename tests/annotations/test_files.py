import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from decouplednet.annotations.files import (
    not_written,
    read_text,
    write_atomically,
    write_parts_atomically,
)
from decouplednet.errors import DataError


def test_a_file_and_its_folders_are_written_wholly(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.bin"

    write_atomically(path, b"whole")

    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_fault_keeps_the_old_file_and_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    message = (
        r"a\.bin: cannot be written: No space left on device; free space or choose another folder$"
    )
    with pytest.raises(DataError, match=message):
        write_atomically(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "free space or choose another folder"),
        (errno.EACCES, "make it writable or choose another folder"),
        (errno.EROFS, "make it writable or choose another folder"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EIO, "choose another folder"),
    ],
)
def test_the_remedy_fits_what_went_wrong(code: int, remedy: str) -> None:
    assert not_written(OSError(code, "why")) == f"cannot be written: why; {remedy}"


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_a_folder_in_place_of_the_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DataError, match=r"^[./]: cannot be written: it is a folder; name a file$"):
        write_atomically(Path(name), b"new")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(DataError, match=r"file/a\.bin: cannot be written: (File|Not)"):
        write_atomically(tmp_path / "file" / "a.bin", b"new")


def test_text_is_read_without_the_mark_at_its_start(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfcaf\xc3\xa9")

    assert read_text(tmp_path / "a.txt") == "café"


def test_another_encoding_is_refused_with_the_byte_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9 ")

    with pytest.raises(
        DataError, match=r"a\.txt: not UTF-8 text \(byte 3\); save it as UTF-8, .*'CSV UTF-8'"
    ):
        read_text(tmp_path / "a.txt")


def test_text_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.txt: cannot be read: No such file or directory"):
        read_text(tmp_path / "a.txt")


def test_a_file_is_written_part_by_part(tmp_path: Path) -> None:
    write_parts_atomically(tmp_path / "new/a.bin", (bytes([number]) * 2 for number in range(3)))

    assert (tmp_path / "new/a.bin").read_bytes() == b"\0\0\1\1\2\2"


@pytest.mark.parametrize("fault", [DataError("no part"), KeyboardInterrupt()])
def test_a_part_that_cannot_be_made_leaves_the_old_file(
    tmp_path: Path, fault: BaseException
) -> None:
    def parts() -> Iterator[bytes]:
        yield b"half"
        raise fault

    (tmp_path / "a.bin").write_bytes(b"old")
    with pytest.raises(type(fault)):
        write_parts_atomically(tmp_path / "a.bin", parts())

    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.bin", b"old")]
