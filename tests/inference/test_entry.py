from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.errors import DataError
from decouplednet.inference.entry import Entry, pixels_read
from decouplednet.inference.room import Room, TiledImage
from decouplednet.inference.sources import Source

SIZE = (97, 131)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "a.png")
    return Source(tmp_path / "a.png", "a.png", tmp_path / "out/a.png", tmp_path / "out/a.jpg")


def room_of(available: int) -> Room:
    return Room(tile=40, classes=3, views=1, available=available)


def test_each_image_is_read_or_what_is_wrong_with_it_is_told(source: Source) -> None:
    bad = Source(source.image.with_name("b.png"), "b.png", source.label_map, source.overlay)
    read, fault = Entry({}, None).read_each([source, bad])

    assert not isinstance(read, DataError)
    assert read[0] is source
    assert read[1].shape == (*SIZE, 3)
    assert pixels_read(read) == SIZE[0] * SIZE[1]
    assert isinstance(fault, DataError)
    assert "b.png: not a readable image" in str(fault)
    assert pixels_read(fault) == 0


@pytest.mark.parametrize(("given", "kept"), [({}, 3), ({"a": frozenset({"cat"})}, 1)])
def test_maps_that_are_kept_need_room(
    source: Source, given: dict[str, frozenset[str]], kept: int
) -> None:
    known = len(given["a"]) if given else None
    without = room_of(0).needed(TiledImage(SIZE, known))
    with_maps = room_of(0).needed(TiledImage(SIZE, known, kept=kept))
    assert without < with_maps

    np.testing.assert_array_equal(Entry(given, room_of(without)).read(source)[1], 0)
    with pytest.raises(DataError, match=r"a\.png: 131 x 97 pixels in tiles of 40 take up to"):
        Entry(given, room_of(with_maps - 1), keeps=True).read(source)
    assert Entry(given, room_of(with_maps), keeps=True).read(source)


def test_an_image_of_which_three_do_not_fit_is_read_by_itself(source: Source) -> None:
    needed = room_of(0).needed(TiledImage(SIZE, None, kept=3))

    assert Entry({}, None).together(source) == ""
    assert Entry({}, room_of(3 * needed), keeps=True).together(source) == ""
    assert Entry({}, room_of(3 * needed - 1), keeps=True).together(source) == "a.png"
