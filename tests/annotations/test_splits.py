from pathlib import Path

from decouplednet.annotations.splits import read_splits

IMAGES = ("a", "sub/b")


def test_every_list_of_the_folder_is_a_split_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_bytes(b"\xef\xbb\xbfsub/b.jpg\r\n\r\na \r\n")
    (tmp_path / "train.txt").write_text("a\n")
    (tmp_path / "notes.md").write_text("a\n")

    splits, findings = read_splits(tmp_path, IMAGES)

    assert splits == {"train": ("a",), "val": ("sub/b", "a")}
    assert findings == []


def test_no_folder_is_no_split(tmp_path: Path) -> None:
    assert read_splits(tmp_path / "splits", IMAGES) == ({}, [])


def test_every_fault_of_the_lists_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "val.txt").write_text("a\nx\na\nB\n")

    splits, findings = read_splits(tmp_path, IMAGES)

    assert splits == {"empty": (), "val": ("a", "x", "B")}
    assert [(Path(found.file).name, found.code, found.message) for found in findings] == [
        (
            "bad.txt",
            "unreadable-list",
            "not UTF-8 text (byte 0); save it as UTF-8, in a spreadsheet as 'CSV UTF-8'",
        ),
        ("empty.txt", "empty-split", "the split names no image; write one a line"),
        ("val.txt", "split-without-file", "'x' has no image; correct the line, or remove it"),
        ("val.txt", "duplicate-split-id", "'a' is named twice; remove one"),
        ("val.txt", "split-without-file", "'B' has no image; did you mean 'sub/b'?"),
    ]
