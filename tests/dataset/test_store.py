from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations.mask_content import index_mask
from decouplednet.annotations.mask_source import MaskSource
from decouplednet.dataset.store import ImageStore
from decouplednet.errors import DataError
from tests.dataset.pictures import noise, save


def source(path: Path) -> MaskSource:
    return MaskSource(index_mask(path), path, None)


def test_images_and_masks_are_read(tmp_path: Path) -> None:
    image, mask = noise(0, 4, 7), noise(1, 4, 7)[..., 0]
    store = ImageStore(1000)

    np.testing.assert_array_equal(store.image(save(tmp_path / "image.png", image)), image)
    drawn = source(save(tmp_path / "mask.png", mask))
    np.testing.assert_array_equal(store.mask(drawn), mask)


def test_what_is_kept_is_not_read_again(tmp_path: Path) -> None:
    path, mask_path = tmp_path / "image.png", tmp_path / "mask.png"
    store = ImageStore(4 * 7 * 3 + 4 * 7)
    image = store.image(save(path, noise(0, 4, 7)))
    mask = store.mask(source(save(mask_path, noise(1, 4, 7)[..., 0])))
    path.unlink()
    mask_path.unlink()

    assert store.image(path) is image
    assert store.mask(source(mask_path)) is mask
    assert store.kept_bytes == 4 * 7 * 3 + 4 * 7


def test_a_full_store_reads_again_but_keeps_what_still_fits(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{i}.png", noise(i, 4, width)) for i, width in enumerate((7, 9, 2))]
    store = ImageStore(4 * 9 * 3)
    first = [store.image(path) for path in paths]

    assert store.image(paths[0]) is first[0]
    assert store.image(paths[1]) is not first[1]
    np.testing.assert_array_equal(store.image(paths[1]), first[1])
    assert store.image(paths[2]) is first[2]
    assert store.kept_bytes == 4 * 7 * 3 + 4 * 2 * 3


def test_a_limit_of_zero_keeps_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "image.png", noise(0, 4, 7))
    store = ImageStore(0)

    assert store.image(path) is not store.image(path)
    assert store.kept_bytes == 0


def test_a_file_may_be_an_image_and_a_mask(tmp_path: Path) -> None:
    path = save(tmp_path / "grey.png", noise(0, 4, 7)[..., 0])
    store = ImageStore(1000)

    assert store.mask(source(path)).shape == (4, 7)
    assert store.image(path).shape == (4, 7, 3)


def test_kept_pixels_cannot_be_changed(tmp_path: Path) -> None:
    store = ImageStore(0)
    image = store.image(save(tmp_path / "image.png", noise(0, 4, 7)))
    mask = store.mask(source(save(tmp_path / "mask.png", noise(0, 4, 7)[..., 0])))

    for pixels in (image, mask):
        with pytest.raises(ValueError, match="read-only"):
            pixels[0] = 0


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: .*"):
        ImageStore(1000).image(tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"gone\.png: .*"):
        ImageStore(1000).mask(source(tmp_path / "gone.png"))
