"""The data set of the demo: the native layout, the same bytes for the same seed, few masks."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.check import check
from decouplednet.annotations.masks import classes_in, read_mask
from decouplednet.demo import compose as composing
from decouplednet.demo.compose import Composed, Sizes, choose_masked, compose
from decouplednet.demo.stock import CLASSES, read_attribution
from decouplednet.errors import DataError

SMALL = Sizes(tagged=40, test=3, masks_per_class=2, side=32)


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Composed:
    """A small data set."""
    return compose(tmp_path_factory.mktemp("demo") / "data", seed=7, sizes=SMALL)


def _bytes(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_data_set_is_without_fault(composed: Composed) -> None:
    report = check(composed.root)
    assert report.findings == ()
    assert (report.images, report.tagged) == (43, 40)
    assert report.masked == len(composed.masked) + 3


def test_the_splits_are_what_compose_returns(composed: Composed) -> None:
    catalogue = Catalogue.read(composed.root)
    assert catalogue.classes == CLASSES
    assert dict(catalogue.splits) == {
        "tags": composed.tagged,
        "masks": composed.masked,
        "test": composed.test,
    }
    assert set(composed.masked) < set(composed.tagged)
    assert len(composed.tagged) == 40
    assert len(composed.test) == 3


def test_masks_lie_there_for_the_masked_and_the_test_images_only(composed: Composed) -> None:
    masks = composed.root / "masks"
    found = {path.relative_to(masks).with_suffix("").as_posix() for path in masks.rglob("*.png")}
    assert found == {*composed.masked, *composed.test}


def test_the_tags_of_a_masked_image_are_the_classes_of_its_mask(composed: Composed) -> None:
    catalogue = Catalogue.read(composed.root)
    for name in composed.masked:
        record = catalogue.record(name)
        assert record.mask is not None
        assert record.tags == classes_in(record.mask.read(), CLASSES)


def test_images_have_the_side_asked_for(composed: Composed) -> None:
    with Image.open(composed.root / "images" / f"{composed.tagged[0]}.jpg") as image:
        assert image.size == (32, 32)


def test_those_who_made_the_pictures_are_credited_beside_the_data(composed: Composed) -> None:
    assert (composed.root / "ATTRIBUTION.md").read_bytes() == read_attribution()


def test_the_same_seed_gives_the_same_bytes(composed: Composed, tmp_path: Path) -> None:
    again = compose(tmp_path / "again", seed=7, sizes=SMALL)
    assert _bytes(again.root) == _bytes(composed.root)


def test_another_seed_gives_other_images(composed: Composed, tmp_path: Path) -> None:
    other = _bytes(compose(tmp_path / "other", seed=8, sizes=SMALL).root)
    same = [name for name, content in _bytes(composed.root).items() if other.get(name) == content]
    assert not [name for name in same if name.startswith("images/")]


def test_more_training_images_leave_the_test_images_as_they_are(
    composed: Composed, tmp_path: Path
) -> None:
    sizes = Sizes(tagged=45, test=3, masks_per_class=2, side=32)
    more = _bytes(compose(tmp_path / "more", seed=7, sizes=sizes).root)
    before = _bytes(composed.root)
    kept = [name for name in before if name.startswith(("images/", "masks/test/"))]
    assert all(more[name] == before[name] for name in kept)


@pytest.mark.parametrize("masks_per_class", [1, 2])
def test_each_class_is_on_at_least_the_masks_asked_for(
    masks_per_class: int, tmp_path: Path
) -> None:
    sizes = Sizes(tagged=40, test=1, masks_per_class=masks_per_class, side=32)
    composed = compose(tmp_path / "data", seed=7, sizes=sizes)
    catalogue = Catalogue.read(composed.root)
    counts = Counter(
        name for masked in composed.masked for name in catalogue.record(masked).tags or ()
    )
    assert all(counts[name] >= masks_per_class for name in CLASSES)


def test_masked_images_are_chosen_greedily_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "CLASSES", ("boat", "car"))
    boat, car, both = frozenset({"boat"}), frozenset({"car"}), frozenset({"boat", "car"})
    tags = [boat, frozenset(), both, boat, car, both]
    assert choose_masked(tags, 1) == (0, 2)
    assert choose_masked(tags, 2) == (0, 2, 4)
    assert choose_masked(tags, 3) == (0, 2, 3, 4, 5)


def test_too_few_images_for_the_masks_are_refused() -> None:
    message = r"^2 composed images show class 'boat' 2 times; 3 masks per class need more images$"
    with pytest.raises(DataError, match=message):
        choose_masked([frozenset({"boat"})] * 2, 3)


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match=r"not an empty folder; choose another one for the demo"):
        compose(tmp_path, seed=0, sizes=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert compose(tmp_path / "data", seed=0, sizes=SMALL).root == tmp_path / "data"


def test_nothing_is_left_of_a_data_set_that_could_not_be_finished(tmp_path: Path) -> None:
    sizes = Sizes(tagged=2, test=1, side=32)
    with pytest.raises(DataError, match="need more images"):
        compose(tmp_path / "data", seed=0, sizes=sizes)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        DataError, match=r"data: cannot be written: Not a directory; choose another folder"
    ):
        compose(tmp_path / "file" / "data", seed=0, sizes=SMALL)


def test_progress_sees_every_image_once(tmp_path: Path) -> None:
    seen: list[int] = []

    def watch(numbers: Sequence[int]) -> Iterable[int]:
        seen.append(len(numbers))
        return numbers

    compose(tmp_path / "data", seed=7, sizes=SMALL, progress=watch)
    assert seen == [40, 3]


def test_a_mask_holds_class_indices_only(composed: Composed) -> None:
    mask = read_mask(composed.root / "masks" / f"{composed.masked[0]}.png")
    assert set(np.unique(mask)) <= set(range(len(CLASSES) + 1))
