"""What a row of the list says, and the table of all of them."""

import csv
import io
from pathlib import Path

import pytest

from decouplednet.annotations.record import Record
from decouplednet.audit.evidence import NOT_SHOWN, SHOWN, UNKNOWN
from decouplednet.audit.suspicion import Kind, Suspicion
from decouplednet.audit.table import HEADER, write_table
from decouplednet.errors import DataError


def suspicion(kind: Kind = "missing", drawn: int = UNKNOWN, name: str = "cat") -> Suspicion:
    record = Record("sub/a, b", Path("data/images/sub/a, b.jpg"), frozenset({"dog"}), None)
    return Suspicion(record, name, kind, 0.87654, 0.7, 0.65, 0.123456, drawn)


@pytest.mark.parametrize(
    ("kind", "drawn", "remedy"),
    [
        ("missing", UNKNOWN, "look for cat; if it is there, add the tag cat"),
        ("missing", NOT_SHOWN, "look for cat; if it is there, add the tag cat"),
        ("missing", SHOWN, "its mask shows cat: add the tag cat, or correct the mask"),
        ("wrong", UNKNOWN, "look for cat; if it is not there, remove the tag cat"),
        ("wrong", SHOWN, "look for cat; if it is not there, remove the tag cat"),
        ("wrong", NOT_SHOWN, "its mask shows no cat: remove the tag cat, or draw it"),
    ],
)
def test_the_remedy_is_what_to_do(kind: Kind, drawn: int, remedy: str) -> None:
    assert suspicion(kind, drawn).remedy == remedy


def test_the_table_has_a_row_for_each_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "new" / "audit.csv"

    write_table(file, [suspicion(), suspicion("wrong", name="dog")])

    rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"))))
    assert rows[0] == list(HEADER)
    assert ",".join(HEADER) == (
        "rank,image,class,tag_says,probability,own_probability,area_share,kind,suspicion,remedy"
    )
    remedy = "look for cat; if it is there, add the tag cat"
    numbers = ["0.7000", "0.6500", "0.1235"]
    assert rows[1] == ["1", "sub/a, b.jpg", "cat", "absent", *numbers, "missing", "0.8765", remedy]
    assert rows[2][:4] == ["2", "sub/a, b.jpg", "dog", "present"]
    assert rows[2][7:9] == ["wrong", "0.8765"]
    assert len(rows) == 3


def test_a_table_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DataError, match=r"file/audit\.csv: cannot be written: File exists"):
        write_table(tmp_path / "file" / "audit.csv", [])
