import os
from pathlib import Path

from decouplednet.annotations.formats.heads import head, some_entries


def test_a_head_is_the_first_four_kilobytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 20)

    assert head(tmp_path / "a") == bytes(range(256)) * 16


def test_what_cannot_be_read_has_no_head(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    for name in ("gone", "pipe", "loop", "."):
        assert head(tmp_path / name) == b""


def test_entries_are_sorted_and_hidden_ones_left_out(tmp_path: Path) -> None:
    for name in ("b", "a", ".c"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.png").touch()

    folders, files = some_entries(tmp_path)

    assert [path.name for path in folders] == ["a", "b"]
    assert [path.name for path in files] == ["a.png", "b.png"]


def test_a_few_hundred_entries_are_looked_at(tmp_path: Path) -> None:
    for at in range(310):
        (tmp_path / f"{at}").touch()

    assert len(some_entries(tmp_path)[1]) == 300
    assert some_entries(tmp_path / "gone") == ([], [])
    assert some_entries(tmp_path / "0") == ([], [])
