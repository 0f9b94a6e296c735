"""Pictures of several strips, against Pillow's own ways of turning and converting them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from decouplednet.annotations import images
from decouplednet.annotations.images import read_image

PIXELS = np.random.default_rng(5).integers(0, 256, (29, 13, 4), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _strips_of_a_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_PIXELS", 30)  # two rows of 13


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_whole(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(PIXELS[..., :3]).save(tmp_path / "a.png", exif=exif)

    found = read_image(tmp_path / "a.png")

    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(found, np.asarray(ImageOps.exif_transpose(picture)))
    assert found.flags.writeable
    assert found.flags.c_contiguous


@pytest.mark.parametrize(
    ("name", "convert"),
    [
        ("grey.png", lambda picture: picture.convert("L")),
        ("few.png", lambda picture: picture.convert("RGB").quantize(7)),
        ("ink.tif", lambda picture: picture.convert("CMYK")),
        ("wide.bmp", lambda picture: picture.convert("RGB")),
    ],
)
def test_a_converted_picture_is_whole(
    tmp_path: Path, name: str, convert: Callable[[Image.Image], Image.Image]
) -> None:
    convert(Image.fromarray(PIXELS)).save(tmp_path / name)

    found = read_image(tmp_path / name)

    with Image.open(tmp_path / name) as picture:
        np.testing.assert_array_equal(found, np.asarray(picture.convert("RGB")))


def test_every_strip_lies_over_white(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "clear.png")
    share = PIXELS[..., 3:] / 255

    found = read_image(tmp_path / "clear.png")

    np.testing.assert_allclose(found, share * PIXELS[..., :3] + (1 - share) * 255, atol=1)


def test_every_strip_of_sixteen_bits_is_scaled(tmp_path: Path) -> None:
    deep = PIXELS[..., 0].astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")

    np.testing.assert_array_equal(read_image(tmp_path / "deep.png")[..., 2], PIXELS[..., 0])
