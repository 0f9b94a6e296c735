import re
from pathlib import Path

import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.errors import DataError
from decouplednet.prelabel.selection import Selected, select


def told(images: tuple[Selected, ...]) -> list[tuple[str, int, tuple[str, ...] | None]]:
    return [(one.record.name, one.number, one.tags) for one in images]


def test_tagged_images_without_a_mask_are_chosen(data: Path) -> None:
    selection = select(Catalogue.read(data), split=None, every=False)

    assert told(selection.images) == [
        ("a", 1, ("dog",)),
        ("c", 2, ()),
        ("d", 3, ("zebra", "cow")),
        ("sub/b", 6, ("cat", "cow")),
    ]
    assert (selection.untagged, selection.masked, selection.failures) == (1, 1, ())


def test_every_image_is_chosen_if_asked_for_with_the_classes_of_its_mask(data: Path) -> None:
    selection = select(Catalogue.read(data), split=None, every=True)

    assert told(selection.images)[3:5] == [("e", 4, ("dog", "cat")), ("f", 5, None)]
    assert (selection.untagged, selection.masked) == (0, 0)
    assert len(selection.images) == 6


def test_a_split_is_chosen_from_in_the_order_of_the_data_set(data: Path) -> None:
    selection = select(Catalogue.read(data), split="some", every=False)

    assert [name for name, *_ in told(selection.images)] == ["a", "sub/b"]


def test_an_image_whose_mask_cannot_be_read_is_named(data: Path) -> None:
    (data / "masks/e.png").write_bytes(b"no picture")

    selection = select(Catalogue.read(data), split=None, every=True)

    assert len(selection.images) == 5
    assert len(selection.failures) == 1
    assert "masks/e.png: not a readable image" in selection.failures[0]


def test_nothing_to_pre_label_is_refused(data: Path) -> None:
    (data / "splits/done.txt").write_text("e\nf\n")
    message = (
        f"{data}: no image of the split 'done' is to be pre-labelled: 1 have no tags, 1 have a "
        "mask; --all takes these too"
    )

    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        select(Catalogue.read(data), split="done", every=False)


def test_a_split_that_does_not_exist_is_refused(data: Path) -> None:
    with pytest.raises(DataError, match=r"data: there is no split 'sum'; the splits are some$"):
        select(Catalogue.read(data), split="sum", every=False)
