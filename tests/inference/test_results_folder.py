import csv
from collections import Counter
from pathlib import Path

import pytest

from decouplednet.errors import DataError
from decouplednet.inference.results_folder import earlier_results
from decouplednet.inference.scores_table import ScoresTable

ROWS = [
    ("b.jpg", "cat", "0.1"),
    ("a.png", "cat", "0.2"),
    ("b.jpg", "dog", "0.3"),
    ("gone.png", "cat", "0.4"),
    ("a.png", "dog", "0.5"),
    ("a.tif", "dog", "0.6"),
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    with (tmp_path / "predictions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "class", "score"), *ROWS])
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_images_whose_label_maps_are_there_were_predicted_earlier(out: Path) -> None:
    earlier = earlier_results(out)

    assert earlier.images == {
        "a.png": out / "a.png",
        "a.tif": out / "a.png",
        "b.jpg": out / "b.png",
    }
    assert earlier.label_maps == {out / "a.png", out / "b.png"}
    assert earlier.overlays == {out / "overlays/a.jpg", out / "overlays/b.jpg"}


def test_rows_are_left_of_label_maps_that_were_not_written_over(out: Path) -> None:
    earlier = earlier_results(out)

    assert [*earlier.rows_left(set())] == [row for row in ROWS if row[0] != "gone.png"]
    assert [*earlier.rows_left({out / "a.png"})] == [ROWS[0], ROWS[2]]


def test_each_label_map_is_looked_for_once(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, is_file = Counter[str](), Path.is_file

    def counting(self: Path) -> bool:
        looked[self.name] += 1
        return is_file(self)

    with (out / "predictions.csv").open("a", newline="") as file:
        csv.writer(file).writerows(("b.jpg", f"class {number}", "0.5") for number in range(99))
    monkeypatch.setattr(Path, "is_file", counting)
    earlier = earlier_results(out)

    assert looked == {"a.png": 2, "b.png": 1, "gone.png": 1}  # of a.png and of a.tif
    assert len([*earlier.rows_left({out / "a.png"})]) == 101


def test_a_folder_without_a_table_has_no_results(tmp_path: Path) -> None:
    earlier = earlier_results(tmp_path)

    assert not earlier.images
    assert not earlier.label_maps
    assert not earlier.overlays
    assert [*earlier.rows_left(set())] == []


@pytest.mark.parametrize("row", [",cat,0.5", "a.png,cat", "a.png,cat,0.5,0.5"])
def test_a_row_of_another_kind_is_refused(out: Path, row: str) -> None:
    with (out / "predictions.csv").open("a") as file:
        file.write(f"{row}\n")

    with pytest.raises(DataError, match=r"predictions\.csv: is there, but is no table image,class"):
        earlier_results(out)


def test_a_table_that_changes_meanwhile_is_refused_and_kept(out: Path) -> None:
    earlier, table = earlier_results(out), ScoresTable(out)
    (out / "predictions.csv").write_text("mine\n")

    with pytest.raises(DataError, match=r"predictions\.csv: is there, but is no table .*another"):
        table.finish(earlier.rows_left(set()))

    assert (out / "predictions.csv").read_text() == "mine\n"
    assert sorted(file.name for file in out.iterdir()) == ["a.png", "b.png", "predictions.csv"]
