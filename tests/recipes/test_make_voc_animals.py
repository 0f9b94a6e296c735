import builtins
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.check import check
from decouplednet.annotations.masks import read_mask
from decouplednet.annotations.tags import read_tags

RECIPES = Path(__file__).parents[2] / "recipes"
CAT, DOG, PERSON, IGNORED = 8, 12, 15, 255


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_voc", RECIPES / "make_voc_animals.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()


def picture(height: int, width: int) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows % 256, columns % 256, (rows + columns) % 256], axis=2).astype(np.uint8)


def official(height: int, width: int) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2, : width // 2] = CAT
    mask[: height // 2, width // 2 : width // 2 + 10] = IGNORED
    return mask


def semantic_boundaries(height: int, width: int) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    mask[height // 2 :, :] = DOG
    mask[: height // 2, : width // 4] = PERSON
    return mask


def write_sbd(path: Path, mask: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"GTcls": {"Segmentation": mask, "CategoriesPresent": np.unique(mask)}})


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Make a VOC and an SBD folder: 2007_1 is in both, 2008_2 only in SBD."""
    voc, sbd, lists = tmp_path / "VOC2012", tmp_path / "sbd", tmp_path / "lists"
    for folder in (voc / "JPEGImages", voc / "SegmentationClass", lists):
        folder.mkdir(parents=True)
    for name, (height, width) in {"2007_1": (400, 500), "2008_2": (500, 333)}.items():
        Image.fromarray(picture(height, width)).save(voc / "JPEGImages" / f"{name}.jpg")
        write_sbd(sbd / "dataset/cls" / f"{name}.mat", semantic_boundaries(height, width))
    Image.fromarray(official(400, 500)).save(voc / "SegmentationClass/2007_1.png")
    (lists / "tags.txt").write_text("2007_1\n2008_2\n")
    (lists / "strong_1.txt").write_text("2007_1\n")
    return {"voc": voc, "sbd": sbd, "lists": lists, "out": tmp_path / "out"}


def run(folders: dict[str, Path], *more: str) -> int:
    places = [str(folders[name]) for name in ("voc", "sbd", "out")]
    status: int = script.main([*places, "--lists", str(folders["lists"]), *more])
    return status


def test_the_folder_that_is_built_passes_the_check_and_has_the_splits(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folders) == 0

    assert f"2 images in {folders['out']}" in capsys.readouterr().out
    assert check(folders["out"]).findings == ()
    catalogue = Catalogue.read(folders["out"])
    assert catalogue.format == "voc"
    assert [record.name for record in catalogue.split("tags")] == ["2007_1", "2008_2"]
    assert [record.name for record in catalogue.split("strong_1")] == ["2007_1"]


def test_images_and_masks_have_a_long_side_of_256_and_a_rounded_short_one(
    folders: dict[str, Path],
) -> None:
    run(folders)

    for name, size in {"2007_1": (256, 205), "2008_2": (170, 256)}.items():
        with Image.open(folders["out"] / "JPEGImages" / f"{name}.jpg") as image:
            assert (image.size, image.mode, image.format) == (size, "RGB", "JPEG")
        with Image.open(folders["out"] / "SegmentationClass" / f"{name}.png") as mask:
            assert (mask.size, mask.mode, mask.format) == (size, "P", "PNG")


def test_the_official_mask_wins_and_sbd_fills_the_rest(folders: dict[str, Path]) -> None:
    run(folders)

    masks = folders["out"] / "SegmentationClass"
    assert set(np.unique(read_mask(masks / "2007_1.png"))) == {0, CAT, IGNORED}
    assert set(np.unique(read_mask(masks / "2008_2.png"))) == {0, DOG, PERSON}
    rows = read_tags(folders["out"] / "tags.csv").rows
    assert rows == {"2007_1": {"cat"}, "2008_2": {"dog", "person"}}


def test_a_shrunk_mask_holds_the_id_that_lies_under_each_pixel() -> None:
    mask = np.random.default_rng(0).integers(0, 21, (30, 50)).astype(np.uint8)

    shrunk = script.shrunk_mask(mask, 20)

    assert shrunk.shape == (12, 20)
    for row in range(12):
        for column in range(20):
            under = mask[int((row + 0.5) * 2.5), int((column + 0.5) * 2.5)]
            assert shrunk[row, column] == under


def test_another_long_side_can_be_asked_for(folders: dict[str, Path]) -> None:
    run(folders, "--long-side", "100")

    with Image.open(folders["out"] / "JPEGImages/2007_1.jpg") as image:
        assert image.size == (100, 80)


def test_the_lists_beside_the_script_are_nested_and_leave_the_scored_images_out() -> None:
    lists = {name: set(names) for name, names in script.read_lists(script.LISTS).items()}

    assert {name: len(names) for name, names in lists.items()} == {
        "dev": 200,
        "strong_5": 24,
        "strong_10": 49,
        "strong_25": 122,
        "strong_all": 2931,
        "tags": 2931,
    }
    assert lists["strong_5"] < lists["strong_10"] < lists["strong_25"] < lists["strong_all"]
    assert not lists["dev"] & lists["tags"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f["voc"] / "JPEGImages/2008_2.jpg").unlink(), "2008_2.jpg"),
        (lambda f: (f["sbd"] / "dataset/cls/2008_2.mat").unlink(), "2008_2: there is neither"),
        (lambda f: (f["sbd"] / "dataset/cls/2008_2.mat").write_bytes(b"x"), "not an SBD class"),
        (lambda f: write_sbd(f["sbd"] / "dataset/cls/2008_2.mat", official(9, 7)), "its image"),
        (lambda f: f["out"].mkdir() or (f["out"] / "a").touch(), "not an empty folder"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    folders: dict[str, Path], damage: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(folders)

    status = run(folders)

    told = capsys.readouterr().err
    assert (status, told.count("\n")) == (1, 1)
    assert message in told


def test_a_long_side_of_no_pixels_is_wrong_use(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(folders, "--long-side", "0")
    assert "--long-side is 0; expected at least 1 pixel" in capsys.readouterr().err


def test_missing_folders_and_lists_are_named(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run({**folders, "sbd": tmp_path / "nowhere"}) == 1
    assert "nowhere/dataset/cls: there is no such folder" in capsys.readouterr().err
    assert run({**folders, "lists": tmp_path}) == 1
    assert "holds no id lists" in capsys.readouterr().err


def test_without_scipy_the_script_says_what_to_install(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("scipy"):
            raise ModuleNotFoundError(name)
        return original(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)

    assert run(folders) == 1
    assert "needs scipy; run: pip install scipy" in capsys.readouterr().err
