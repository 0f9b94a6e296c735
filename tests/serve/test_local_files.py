import os
from pathlib import Path

import pytest

from decouplednet.errors import DataError
from decouplednet.serve import limits, local_files
from decouplednet.serve.local_files import read_under

OUTSIDE = "^the path of a local file leads out of --images$"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "images"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "a b.png").write_bytes(b"content")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "images-of-others").mkdir()
    (tmp_path / "images-of-others" / "a.png").write_bytes(b"secret")
    return inside


def test_files_below_the_folder_are_read(folder: Path) -> None:
    assert read_under(folder, "sub/a b.png") == b"content"
    assert read_under(folder, "./sub/../sub/a b.png") == b"content"


def test_the_folder_may_be_named_from_where_one_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)

    assert read_under(Path("images"), "sub/a b.png") == b"content"


def test_links_within_the_folder_are_followed(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder / "sub" / "a b.png")

    assert read_under(folder, "link.png") == b"content"


@pytest.mark.parametrize(
    "name", ["../secret", "sub/../../secret", "../images-of-others/a.png", ".."]
)
def test_dots_do_not_lead_out(folder: Path, name: str) -> None:
    with pytest.raises(DataError, match=OUTSIDE):
        read_under(folder, name)


def test_links_do_not_lead_out(folder: Path) -> None:
    (folder / "file").symlink_to(folder.parent / "secret")
    (folder / "folder").symlink_to(folder.parent)

    for name in ("file", "folder/secret"):
        with pytest.raises(DataError, match=OUTSIDE):
            read_under(folder, name)


def test_an_absolute_path_is_refused(folder: Path) -> None:
    for name in (str(folder / "sub" / "a b.png"), "/etc/passwd"):
        with pytest.raises(
            DataError, match=r"^the path of a local file is absolute; expected one below --images$"
        ):
            read_under(folder, name)


def test_what_is_missing_is_refused_without_a_path(folder: Path) -> None:
    for name in ("none.png", "sub/a b.png/c", "none/../sub/a b.png"):
        with pytest.raises(DataError) as refused:
            read_under(folder, name)
        assert str(refused.value) in (
            "there is no such local file below --images",
            "the local file cannot be read: Not a directory",
        )


def test_what_is_no_regular_file_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    for name in ("sub", "pipe", ""):
        with pytest.raises(DataError, match=r"^the local file is no regular file$"):
            read_under(folder, name)


def test_names_that_no_file_has_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"^the local file cannot be read: its path is none$"):
        read_under(folder, "a\0b")
    with pytest.raises(DataError, match=r"^the local file cannot be read: File name too long$"):
        read_under(folder, "a" * 300)


def test_a_link_that_leads_to_itself_is_refused(folder: Path) -> None:
    (folder / "loop").symlink_to(folder / "loop")

    with pytest.raises(DataError, match=r"^the local file cannot be read: "):
        read_under(folder, "loop")


def test_a_file_that_is_too_large_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_IMAGE_BYTES", 6)
    monkeypatch.setattr(local_files, "MOST_IMAGE_BYTES", 6)

    with pytest.raises(DataError, match=r"^the image's file has more than 6 bytes$"):
        read_under(folder, "sub/a b.png")
