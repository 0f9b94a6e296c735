import os
import re
from pathlib import Path

import pytest

from decouplednet.errors import DataError
from decouplednet.prelabel.folder import PrelabelFolder


@pytest.fixture
def folder(tmp_path: Path) -> PrelabelFolder:
    return PrelabelFolder(tmp_path / "out")


def test_a_mask_is_put_where_it_belongs_and_back(folder: PrelabelFolder) -> None:
    mask = folder.mask_of("sub/a")
    mask.parent.mkdir(parents=True)
    mask.write_bytes(b"mask")

    assert folder.put("sub/a", kept=True) == mask
    assert folder.put("sub/a", kept=False) == folder.root / "left_out/sub/a.png"
    assert not mask.exists()
    assert folder.has_mask("sub/a")
    assert folder.put("sub/a", kept=True).read_bytes() == b"mask"
    assert folder.put("absent", kept=True) == folder.mask_of("absent")
    assert not folder.has_mask("absent")


def test_a_mask_that_cannot_be_moved_is_named(folder: PrelabelFolder) -> None:
    folder.mask_of("a").parent.mkdir(parents=True)
    folder.mask_of("a").write_bytes(b"mask")
    (folder.root / "left_out").write_bytes(b"in the way")

    with pytest.raises(DataError, match=r"left_out/a\.png: cannot be written: "):
        folder.put("a", kept=False)


def test_a_new_or_empty_folder_may_be_used(folder: PrelabelFolder, tmp_path: Path) -> None:
    folder.check_usable(tmp_path / "images", resume=False)
    assert not folder.root.exists()
    folder.root.mkdir()
    folder.check_usable(tmp_path / "images", resume=False)
    folder.check_usable(tmp_path / "images", resume=True)


@pytest.mark.parametrize(
    ("file", "resume", "said"),
    [
        (
            "mask.png",
            True,
            "holds something, but no pre-labels to go on with; choose a folder that is new or "
            "empty",
        ),
        (
            "journal.jsonl",
            False,
            "holds pre-labels already; go on with them (--resume, resume=True), or choose another "
            "folder",
        ),
    ],
)
def test_a_folder_that_holds_something_is_refused(
    folder: PrelabelFolder, tmp_path: Path, file: str, resume: bool, said: str
) -> None:
    folder.root.mkdir()
    (folder.root / file).write_text("")

    with pytest.raises(DataError, match=f"^{re.escape(f'{folder.root}: {said}')}$"):
        folder.check_usable(tmp_path / "images", resume=resume)


def test_pre_labels_may_be_gone_on_with(folder: PrelabelFolder, tmp_path: Path) -> None:
    folder.root.mkdir()
    folder.journal.write_text("")

    folder.check_usable(tmp_path / "images", resume=True)


@pytest.mark.parametrize("place", ["", "sub/out"])
def test_a_folder_among_the_images_is_refused(tmp_path: Path, place: str) -> None:
    images = tmp_path / "images"
    images.mkdir()
    message = (
        f"{images / place}: lies among the images, {images}, and masks there would be taken for "
        "some of them; choose another --out"
    )

    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        PrelabelFolder(images / place).check_usable(images, resume=False)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    with pytest.raises(
        DataError, match=r"out: a file lies where the folder of pre-labels shall be"
    ):
        PrelabelFolder(tmp_path / "out").check_usable(tmp_path / "images", resume=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_takes_no_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)

    with pytest.raises(DataError, match=r"closed/out: cannot be written: Permission denied"):
        PrelabelFolder(tmp_path / "closed/out").check_usable(tmp_path / "images", resume=False)


def test_a_folder_that_cannot_be_read_is_named(
    folder: PrelabelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    folder.root.mkdir()
    monkeypatch.setattr(Path, "iterdir", refused)
    message = f"{folder.root}: cannot be read: Permission denied"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        folder.check_usable(tmp_path / "images", resume=False)
