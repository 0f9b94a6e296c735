"""Reading text and writing whole files, so that nobody ever meets half of one."""

import errno
import io
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from decouplednet.errors import DataError

_PERMIT = "make it writable or choose another folder"
_REMEDIES = {
    errno.EACCES: _PERMIT,
    errno.EPERM: _PERMIT,
    errno.EROFS: _PERMIT,
    errno.ENOSPC: "free space or choose another folder",
    errno.EDQUOT: "free space or choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is either wholly there or not there at all, see ``write_parts_atomically``.

    Raises:
        DataError: the disk is full, the folder may not be written, or the like. Nothing is left.
    """
    write_parts_atomically(path, (content,))


def write_parts_atomically(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file that is either wholly there or not there at all, part by part.

    Folders that are missing are made. The content goes to a file beside ``path`` first, which then
    takes its name; what stood at ``path`` before stays until that moment.

    Args:
        path: of the file.
        parts: of its content, taken one after the other.

    Raises:
        DataError: the disk is full, the folder may not be written, or the like. Nothing is left.
    """
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where nobody may look
        raise DataError(f"{path}: cannot be written: it is a folder; name a file")
    beside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except OSError as fault:
        _remove(beside)
        raise DataError(f"{path}: {not_written(fault)}") from None
    except BaseException:  # an interruption, or what is wrong with a part
        _remove(beside)
        raise


def not_written(fault: OSError) -> str:
    """Return the sentence that says why something was not written, with the remedy that fits."""
    remedy = _REMEDIES.get(fault.errno or 0, "choose another folder")
    return f"cannot be written: {fault.strerror}; {remedy}"


def _remove(beside: Path) -> None:
    """Remove the unfinished file, if the fault let it come to be."""
    try:
        beside.unlink(missing_ok=True)
    except OSError:  # the folder is no folder, or is gone: nothing was left in it
        return


def read_lines(path: Path) -> list[str]:
    """Return the lines of a UTF-8 file; only line feeds and carriage returns end one.

    Raises:
        DataError: as `read_text`.
    """
    return [line.removesuffix("\n") for line in io.StringIO(read_text(path), newline=None)]


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, without the mark some programs put at its start.

    Raises:
        DataError: there is no such file, or it holds another encoding.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise DataError(
            f"{path}: not UTF-8 text (byte {fault.start}); save it as UTF-8, "
            "in a spreadsheet as 'CSV UTF-8'"
        ) from None
    except OSError as fault:
        raise DataError(f"{path}: cannot be read: {fault.strerror}") from None
