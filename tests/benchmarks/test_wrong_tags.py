from pathlib import Path

import numpy as np
import pytest

from benchmarks.wrong_tags import Fault, inject, write_copy
from decouplednet.annotations.catalogue import Catalogue
from tests.shapes import NAMES


def tags_of(images: int, seed: int = 0) -> dict[str, frozenset[str]]:
    rng = np.random.default_rng(seed)
    classes = [*NAMES, "other"]
    return {
        f"image-{number}": frozenset(c for c in classes if rng.random() < 0.4)
        for number in range(images)
    }


def test_each_fault_is_what_differs_in_the_tags_of_its_image() -> None:
    tags = tags_of(200)

    changed, faults = inject(tags, NAMES, 0.2, seed=3)

    by_name = {fault.name: fault for fault in faults}
    assert len(by_name) == len(faults) == 40
    for name, before in tags.items():
        gone, new = before - changed[name], changed[name] - before
        fault = by_name.get(name, Fault(name, "removed", None, None))
        assert gone == ({fault.missing} if fault.missing else set())
        assert new == ({fault.wrong} if fault.wrong else set())
        assert (gone | new) <= set(NAMES)


def test_half_are_removed_and_the_rest_added_and_swapped_alike() -> None:
    _, faults = inject(tags_of(400), NAMES, 0.1, seed=0)

    kinds = [fault.kind for fault in faults]
    assert [kinds.count(kind) for kind in ("removed", "added", "swapped")] == [20, 10, 10]
    for fault in faults:
        assert (fault.missing is None) == (fault.kind == "added")
        assert (fault.wrong is None) == (fault.kind == "removed")


def test_faults_follow_from_the_seed_and_not_from_the_order_of_the_images() -> None:
    tags = tags_of(90)
    turned = dict(reversed(tags.items()))

    assert inject(tags, NAMES, 0.1, seed=1)[1] == inject(turned, NAMES, 0.1, seed=1)[1]
    assert inject(tags, NAMES, 0.1, seed=1)[1] != inject(tags, NAMES, 0.1, seed=2)[1]


@pytest.mark.parametrize("its", [frozenset(), frozenset(NAMES), frozenset({"other"})])
def test_images_that_could_not_have_every_fault_have_none(its: frozenset[str]) -> None:
    tags = {str(number): its for number in range(20)}

    assert inject(tags, NAMES, 0.5, seed=0) == (tags, ())


def test_a_copy_has_the_tags_masks_and_splits_that_are_given(shapes: Path, tmp_path: Path) -> None:
    catalogue = Catalogue.read(shapes)
    tags = {record.name: frozenset({"bar"}) for record in catalogue.records[:5]}

    out = write_copy(
        catalogue, tmp_path / "copy", tags, catalogue.records[1:3], {"some": ["picture_02"]}
    )

    copy = Catalogue.read(out)
    assert copy.classes == catalogue.classes
    assert {record.name: record.tags for record in copy.records} == tags
    assert [record.name for record in copy.records if record.mask] == ["picture_01", "picture_02"]
    assert copy.splits == {"some": ("picture_02",)}
    for record in copy.records:
        assert record.image.read_bytes() == catalogue.record(record.name).image.read_bytes()
    mask = copy.mask_of(copy.record("picture_02"))
    assert np.array_equal(mask, catalogue.mask_of(catalogue.record("picture_02")))
