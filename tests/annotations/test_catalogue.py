import pickle
import re
from pathlib import Path

import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.errors import DataError
from tests.annotations import folders


def sound(root: Path) -> Catalogue:
    folders.native(
        root,
        tags={"a": "cat", "b": "", "sub/c": "dog"},
        masks={"a": [0, 2], "d": [1, 255]},
        images=["e"],
        splits={"val": ["sub/c", "a"], "train": ["b"], "empty": [], "wrong": ["a", "x", "y"]},
    )
    return Catalogue.read(root)


def test_the_catalogue_lists_images_tags_masks_and_splits(tmp_path: Path) -> None:
    catalogue = sound(tmp_path)

    assert (catalogue.root, catalogue.format) == (tmp_path, "native")
    assert catalogue.classes.names == ("cat", "dog")
    assert [record.name for record in catalogue.records] == ["a", "b", "d", "e", "sub/c"]
    assert catalogue.record("sub/c").image == tmp_path / "images" / "sub" / "c.png"
    assert catalogue.splits["val"] == ("sub/c", "a")


def test_a_relative_path_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [record.name for record in sound(tmp_path).records]
    monkeypatch.chdir(tmp_path)

    assert [record.name for record in Catalogue.read(Path()).records] == expected


def test_a_plain_folder_in_the_working_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.image(tmp_path / "a.png")
    (tmp_path / "classes.txt").write_text("cat\n")
    monkeypatch.chdir(tmp_path)

    catalogue = Catalogue.read(Path())

    assert catalogue.format == "plain"
    assert [record.name for record in catalogue.records] == ["a"]


def test_a_catalogue_travels_to_other_processes(tmp_path: Path) -> None:
    catalogue = sound(tmp_path)

    assert pickle.loads(pickle.dumps(catalogue)) == catalogue  # noqa: S301 - made here


def test_a_record_is_found_with_extension_too(tmp_path: Path) -> None:
    catalogue = sound(tmp_path)

    assert catalogue.record("sub/c.jpg") == catalogue.record("sub/c")


def test_an_unknown_image_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no image 'sub/d'; did you mean 'sub/c'\?$"):
        sound(tmp_path).record("sub/d")


def test_a_split_gives_its_images_in_its_order(tmp_path: Path) -> None:
    assert [record.name for record in sound(tmp_path).split("val")] == ["sub/c", "a"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "vall",
            "there is no split 'vall'; did you mean 'val'? The splits are empty, train, val, wrong",
        ),
        ("7", "there is no split '7'; the splits are empty, train, val, wrong"),
        ("empty", "the split 'empty' names no image"),
        ("wrong", "the split 'wrong' names 'x', which has no image (2 of 3 such names)"),
    ],
)
def test_a_split_that_cannot_be_used_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(f'{tmp_path}: {message}')}$"):
        sound(tmp_path).split(name)


def test_a_split_of_a_data_set_without_splits_is_refused(tmp_path: Path) -> None:
    catalogue = Catalogue.read(folders.native(tmp_path, images=["a"]))

    with pytest.raises(DataError, match=r"there is no split 'val'; it has no splits$"):
        catalogue.split("val")


def test_the_tags_of_a_masked_image_are_united_with_the_classes_of_its_mask(
    tmp_path: Path,
) -> None:
    catalogue = sound(tmp_path)

    tags = {record.name: catalogue.tags_of(record) for record in catalogue.records}

    assert tags == {
        "a": {"cat", "dog"},
        "b": frozenset(),
        "d": {"cat"},
        "e": None,
        "sub/c": {"dog"},
    }


def test_a_mask_outside_the_budget_does_not_correct_a_row(tmp_path: Path) -> None:
    catalogue = sound(tmp_path)

    def tags(name: str, *, mask_given: bool) -> frozenset[str] | None:
        return catalogue.training_tags(catalogue.record(name), mask_given=mask_given)

    assert tags("a", mask_given=False) == frozenset({"cat"})
    assert tags("a", mask_given=True) == frozenset({"cat", "dog"})
    assert tags("d", mask_given=False) == frozenset({"cat"})  # nothing else says what is there
    assert tags("e", mask_given=False) is None


def test_the_mask_of_a_record_is_checked_against_its_image(tmp_path: Path) -> None:
    catalogue = sound(tmp_path)
    folders.mask(tmp_path / "masks" / "a.png", [1], size=(4, 7))

    assert catalogue.mask_of(catalogue.record("d"))[:2, 0].tolist() == [1, 255]
    with pytest.raises(DataError, match=r"a\.png: the mask is 7 x 4 pixels, its image 7 x 5; exp"):
        catalogue.mask_of(catalogue.record("a"))
    with pytest.raises(DataError, match=r"images/e\.png: the image has no mask$"):
        catalogue.mask_of(catalogue.record("e"))


def test_the_row_of_an_image_decides_what_a_mask_of_0_and_255_means(tmp_path: Path) -> None:
    blocks = [0, 255, 255, 255]
    folders.native(tmp_path, tags={"a": ""}, masks={"a": blocks, "b": blocks})
    catalogue = Catalogue.read(tmp_path)

    assert catalogue.tags_of(catalogue.record("a")) == frozenset()
    with pytest.raises(DataError, match=r"b\.png: holds only 0 and 255"):
        catalogue.tags_of(catalogue.record("b"))


def test_faults_of_the_lists_are_refused_with_the_command_that_lists_them(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cta", "b": "cat", "c": "dgo"})

    message = (
        f"{tmp_path}/tags.csv: line 2: there is no class 'cta'; did you mean 'cat'? "
        f"(1 more; run: decouplednet check {tmp_path})"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Catalogue.read(tmp_path)


def test_a_missing_class_list_is_refused(tmp_path: Path) -> None:
    folders.native(tmp_path, images=["a"])
    (tmp_path / "classes.txt").unlink()

    with pytest.raises(DataError, match=r"classes\.txt: there is no class list"):
        Catalogue.read(tmp_path)


def test_further_splits_are_known_without_a_file(tmp_path: Path) -> None:
    catalogue = sound(tmp_path)
    more = catalogue.with_splits({"few": ["sub/c", "b"]})

    assert [record.name for record in more.split("few")] == ["sub/c", "b"]
    assert more.splits["val"] == ("sub/c", "a")
    assert "few" not in catalogue.splits
    assert more.record("b") == catalogue.record("b")
    told = "has a split 'val' already; rename its list"
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: {told}")):
        catalogue.with_splits({"val": ["a"]})
