import errno
import tempfile
from pathlib import Path

import pytest

from decouplednet.errors import DataError
from decouplednet.inference.scores_table import ScoresTable


def test_nothing_is_seen_of_a_table_until_it_is_finished(tmp_path: Path) -> None:
    table = ScoresTable(tmp_path / "new/out")

    table.add('a, "b".png', {"cat": 0.25, "dog": 1})
    table.add("é.png", {"cat": 1 / 3, "dog": 0})
    assert [*(tmp_path / "new/out").iterdir()] == []
    table.finish([("before.png", "cat", "0.5")])

    assert [*(tmp_path / "new/out").iterdir()] == [tmp_path / "new/out/predictions.csv"]
    assert (tmp_path / "new/out/predictions.csv").read_text(encoding="utf-8") == (
        'image,class,score\nbefore.png,cat,0.5\n"a, ""b"".png",cat,0.250000\n'
        '"a, ""b"".png",dog,1.000000\né.png,cat,0.333333\né.png,dog,0.000000\n'
    )


def test_a_table_without_rows_is_its_header(tmp_path: Path) -> None:
    ScoresTable(tmp_path).finish(())

    assert (tmp_path / "predictions.csv").read_bytes() == b"image,class,score\n"


def test_a_folder_that_takes_no_more_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)

    message = r"predictions\.csv: cannot be written: No space left on device; free space or choose"
    with pytest.raises(DataError, match=message):
        ScoresTable(tmp_path).add("a.png", {"cat": 0.5})
