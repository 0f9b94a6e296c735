"""The text of a table, in the encodings that spreadsheets write."""

import codecs
import stat
from pathlib import Path

from decouplednet.errors import DataError

MOST_BYTES = 2**29
"""Of a table: ten million rows have less."""

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def table_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a mark at its start, or in UTF-16.

    Raises:
        DataError: the file cannot be read, takes more than ``MOST_BYTES``, or holds another
            encoding.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for without end
            raise DataError(f"{path}: it is no regular file")
        if status.st_size > MOST_BYTES:
            raise DataError(
                f"{path}: takes more than {MOST_BYTES // 2**20} MiB; divide the table into several "
                "data sets"
            )
        content = path.read_bytes()
    except OSError as fault:
        raise DataError(f"{path}: cannot be read: {fault.strerror}") from None
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as fault:
        # A mark of three bytes is not counted by the one who refuses what follows it.
        line = content.count(b"\n", 0, fault.start) + 1
        name = encoding.removesuffix("-sig").upper()
        raise DataError(
            f"{path}: line {line}: not {name} text; save it as UTF-8, in a spreadsheet as 'CSV "
            "UTF-8'"
        ) from None


def first_text(path: Path, size: int) -> str:
    """Return the text of the first bytes of a file, as far as it is any; empty if unreadable."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as stream:
            content = stream.read(size)
    except OSError:
        return ""
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    return content.decode(encoding, errors="replace")
