import os
from pathlib import Path

import pytest

from decouplednet.annotations.formats import table_text
from decouplednet.annotations.formats.table_text import first_text
from decouplednet.errors import DataError

TEXT = "image,label\r\ncaf\u00e9.jpg,\u732b\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_encodings_of_spreadsheets_are_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(TEXT.encode(encoding))

    assert table_text.table_text(file) == TEXT
    assert first_text(file, 30) == TEXT.encode(encoding)[:30].decode(encoding, errors="replace")


def test_both_orders_of_bytes_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xfe\xff" + TEXT.encode("utf-16-be"))

    assert table_text.table_text(tmp_path / "a.csv") == TEXT


@pytest.mark.parametrize(
    ("content", "line", "name"),
    [
        (b"image,label\na.jpg,caf\xe9\n", 2, "UTF-8"),
        (b"\xef\xbb\xbfimage,label\n\na.jpg,caf\xe9\n", 3, "UTF-8"),
        ("image\n".encode("utf-16") + b"\x00\xd8" + "a".encode("utf-16-le"), 2, "UTF-16"),
    ],
)
def test_another_encoding_is_refused_with_its_line(
    tmp_path: Path, content: bytes, line: int, name: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    message = (
        rf"a\.csv: line {line}: not {name} text; save it as UTF-8, in a spreadsheet as 'CSV UTF-8'$"
    )

    with pytest.raises(DataError, match=message):
        table_text.table_text(tmp_path / "a.csv")


def test_a_table_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_text, "MOST_BYTES", 2**20)
    (tmp_path / "a.csv").write_bytes(b"x" * (2**20 + 1))

    with pytest.raises(
        DataError, match=r"a\.csv: takes more than 1 MiB; divide the table into several data sets$"
    ):
        table_text.table_text(tmp_path / "a.csv")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(DataError, match=r"pipe: it is no regular file$"):
        table_text.table_text(tmp_path / "pipe")
    with pytest.raises(DataError, match=r"none: cannot be read: No such file or directory$"):
        table_text.table_text(tmp_path / "none")
    assert first_text(tmp_path / "pipe", 9) == first_text(tmp_path / "none", 9) == ""
