from pathlib import Path

import pytest

from decouplednet.annotations.formats.paths import image_name, is_laid_out_otherwise, within


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("a.jpg", "a.jpg"),
        (" ./a.jpg ", "a.jpg"),
        ("images/a.jpg", "images/a.jpg"),
        (r"images\sub\a.jpg", "images/sub/a.jpg"),
        ("/home/me/a.jpg", "home/me/a.jpg"),
        (r"C:\Users\me\a.jpg", "Users/me/a.jpg"),
        ("c:a.jpg", "a.jpg"),
        ("file:///C:/me/a.jpg", "me/a.jpg"),
        ("https://example.org/x/a.jpg", "example.org/x/a.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("a/../../b.jpg", "b.jpg"),
        ("a//b/./c.jpg", "a/b/c.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("half\ud800.jpg", "half?.jpg"),
        ("..", ""),
        ("", ""),
        ("//", ""),
    ],
)
def test_a_listed_path_becomes_a_tidy_relative_one(listed: str, name: str) -> None:
    assert image_name(listed) == name


def test_a_file_is_looked_for_within_its_folder_alone(tmp_path: Path) -> None:
    folder, outside = tmp_path / "pngs", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret.png").touch()
    (folder / "out").symlink_to(outside)
    (folder / "out.png").symlink_to(outside / "secret.png")
    (folder / "circle").symlink_to(folder / "circle")

    assert within(folder, "sub/a.png") == folder / "sub" / "a.png"
    assert within(folder, "/../a.png") == folder / "a.png"
    for listed in ("out/secret.png", "out.png", "", "..", "a\0.png"):
        assert within(folder, listed) is None
    assert within(folder, "circle") in (None, folder / "circle")


def test_a_folder_that_is_a_link_itself_may_hold_files(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "pngs").symlink_to(tmp_path / "disk")

    assert within(tmp_path / "pngs", "a.png") == tmp_path / "pngs" / "a.png"


@pytest.mark.parametrize(
    ("made", "otherwise"),
    [
        (["images/", "masks/"], True),
        (["tags.csv"], True),
        (["JPEGImages/"], True),
        (["images/", "classes.txt"], False),
        (["images/", "annotations/"], False),
        (["masks/"], False),
        ([], False),
    ],
)
def test_native_layouts_and_voc_are_told_by_their_folders(
    tmp_path: Path, made: list[str], otherwise: bool
) -> None:
    for name in made:
        path = tmp_path / name
        if name.endswith("/"):
            path.mkdir()
        else:
            path.touch()

    assert is_laid_out_otherwise(tmp_path) is otherwise
