"""What two sets of masks must share to have the same digest."""

from dataclasses import replace
from pathlib import Path

import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.errors import DataError
from decouplednet.training.digests import masks_digest, tags_digest
from tests.annotations.folders import mask, native

MASKS = {"a": (0, 1), "b": (0, 2), "c": (1, 2)}


def digest(root: Path, *names: str) -> str:
    catalogue = Catalogue.read(root)
    return masks_digest([catalogue.record(name) for name in names])


def test_masks_have_the_same_digest_in_any_order_and_in_any_folder(tmp_path: Path) -> None:
    first, second = (native(tmp_path / name, masks=MASKS) for name in ("one", "two"))

    assert digest(first, "a", "b") == digest(second, "b", "a")


def test_another_list_another_name_or_another_mask_is_another_digest(tmp_path: Path) -> None:
    root = native(tmp_path, masks=MASKS)
    before = digest(root, "a", "b")

    assert len({before, digest(root, "a", "c"), digest(root, "a"), digest(root)}) == 4
    mask(root / "masks" / "b.png", (0, 1, 1))
    assert digest(root, "a", "b") != before


def test_what_is_left_unsaid_is_part_of_the_tags(tmp_path: Path) -> None:
    record = Catalogue.read(native(tmp_path, tags={"a": "cat"})).record("a")
    tags = [record.tags]

    digests = {
        tags_digest([replace(record, unsaid=unsaid)], tags)
        for unsaid in (frozenset[str](), frozenset({"dog"}), frozenset({"cow"}))
    }

    assert len(digests) == 3
    assert tags_digest([record], tags) in digests


def test_a_mask_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    catalogue = Catalogue.read(native(tmp_path, masks=MASKS))
    (tmp_path / "masks" / "a.png").unlink()

    with pytest.raises(DataError, match=r"masks/a\.png: cannot be read: No such file"):
        masks_digest(catalogue.records)
