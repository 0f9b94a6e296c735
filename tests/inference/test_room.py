import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.errors import DataError
from decouplednet.inference import room as rooms
from decouplednet.inference.room import Room, TiledImage, room_for
from decouplednet.inference.tiles import TiledPredictor
from tests.inference.small import small_network, small_segmenter
from tests.inference.test_predictor import draw, predictor

SIZE = (3000, 20000)
ROOM = Room(tile=500, classes=20, views=1, available=None)


def test_a_row_of_tiles_counts_four_bytes_a_pixel_and_class() -> None:
    one, two = (ROOM.needed(TiledImage(SIZE, classes)) for classes in (20, 21))

    row, tiles, strips = 20000 * 500, (8 + 2) * 500**2, 4 * 500**2
    read = 2 * 2**20 + 500**2  # as a row is read, its strips and a tile are there in place of tiles
    assert two - one == 4 * (row + max(tiles + strips, read))


def test_what_is_needed_grows_with_all_that_takes_memory() -> None:
    image = TiledImage(SIZE)
    needed, pixels = ROOM.needed(image), SIZE[0] * SIZE[1]

    assert ROOM.needed(TiledImage((3001, 20000))) - needed == 20000 * 8
    assert ROOM.needed(replace(image, held=True)) == needed - 7 * pixels
    assert ROOM.needed(replace(image, kept=3)) == needed + 12 * pixels
    assert ROOM.needed(replace(image, classes=20)) == needed
    assert replace(ROOM, tile=700).needed(image) > needed
    assert replace(ROOM, views=4).needed(image) > needed
    assert replace(ROOM, overlay=True).needed(image) == needed + 5 * pixels
    nothing_found = TiledImage(SIZE, classes=0)
    assert replace(ROOM, overlay=True).needed(nothing_found) > 16 * pixels


def test_an_image_of_one_tile_is_not_counted() -> None:
    assert ROOM.needed(TiledImage((500, 499))) == 0
    assert ROOM.needed(TiledImage((10, 501))) > 0
    replace(ROOM, available=0).check("a.tif", TiledImage((500, 499)))


def test_three_images_of_which_one_fits_are_scarce() -> None:
    image = TiledImage(SIZE)
    needed = ROOM.needed(image)

    assert replace(ROOM, available=3 * needed - 1).is_scarce(image)
    assert not replace(ROOM, available=3 * needed).is_scarce(image)
    assert not ROOM.is_scarce(image)


def test_what_does_not_fit_is_refused_with_the_largest_tile_that_does() -> None:
    image = TiledImage(SIZE)
    available = replace(ROOM, tile=333).needed(image)
    room = replace(ROOM, available=available)
    message = (
        f"a/b.tif: 20000 x 3000 pixels in tiles of 500 take up to "
        f"{ROOM.needed(image) / 1e9:.2f} GB of memory with 20 classes, and "
        f"{available / 1e9:.2f} GB are available; the largest tile that fits is 333"
    )

    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        room.check(Path("a/b.tif"), image)
    replace(room, tile=333).check("a.tif", image)
    replace(room, available=ROOM.needed(image)).check("a.tif", image)
    replace(room, available=None).check("a.tif", image)


def test_what_fits_in_no_tile_is_refused_with_another_remedy() -> None:
    room = replace(ROOM, available=10**6)

    expected = (
        r"with 1 class, and 0\.00 GB are available; no smaller tile fits: free memory, or cut the "
        r"image into parts$"
    )
    with pytest.raises(DataError, match=expected):
        room.check("a.tif", TiledImage(SIZE, classes=1))


def test_the_room_of_a_predictor_is_what_there_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "available_memory", lambda: 12345)
    tiled = TiledPredictor(predictor=predictor(small_network()), tile=77)

    assert room_for(tiled) == Room(tile=77, classes=3, views=1, available=12345)
    assert room_for(tiled, overlay=True).overlay


def test_a_model_refuses_what_does_not_fit_before_it_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, model = draw((73, 101)), small_segmenter(seed=1)
    file = tmp_path / "large.png"
    Image.fromarray(image).save(file)
    file.write_bytes(file.read_bytes()[:2000])  # whoever read it would say that it is cut
    monkeypatch.setattr(rooms, "available_memory", lambda: 1000)

    expected = r"101 x 73 pixels in tiles of 40 take up to 0\.07 GB of memory with"
    with pytest.raises(DataError, match=rf"large\.png: {expected} 3 classes"):
        model.predict(file, tile=40)
    with pytest.raises(DataError, match=rf"^the image: {expected} 2 classes"):
        model.predict(image, ["cat", "dog"], tile=40)
    assert model.predict(image, tile=101).label_map.shape == (73, 101)
    assert model.predict(image).label_map.shape == (73, 101)


def test_maps_of_given_classes_are_kept_and_count(monkeypatch: pytest.MonkeyPatch) -> None:
    image, model = np.zeros((700, 9000, 3), np.uint8), small_segmenter(seed=1)
    room = Room(tile=600, classes=3, views=1, available=None)
    wanted = TiledImage((700, 9000), classes=2, held=True)
    monkeypatch.setattr(rooms, "available_memory", lambda: room.needed(wanted))

    with pytest.raises(DataError, match=r"^the image: .* with 2 classes, and .* is \d+$"):
        model.predict(image, ["cat", "dog"], tile=600)
