import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.mask_files import format_finding, shown_colours, stored_pixels
from decouplednet.annotations.masks import read_mask
from decouplednet.errors import DataError
from tests.annotations.test_first_picture import grey_tiff

IDS = np.random.default_rng(3).integers(0, 9, (37, 53), dtype=np.uint8)


def palette_picture(ids: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> Image.Image:
    image = Image.fromarray(ids)
    image.putpalette([value for id_ in range(256) for value in (255 - id_, id_ // 2, 7)])
    return image


@pytest.mark.parametrize("palette", [True, False])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.bmp", {}),
        ("a.gif", {}),
        ("a.tif", {}),
        ("a.tiff", {"compression": "tiff_lzw"}),
        ("a.tif", {"compression": "tiff_adobe_deflate"}),
        ("a.tif", {"compression": "packbits"}),
    ],
)
def test_ids_come_back_from_every_format_that_keeps_them(
    tmp_path: Path, name: str, options: dict[str, str], palette: bool
) -> None:
    image = palette_picture(IDS) if palette else Image.fromarray(IDS)
    # GIF writers reorder a palette unless they are told not to.
    keep = {"optimize": False} if name.endswith("gif") else {}
    image.save(tmp_path / name, **options, **keep)  # type: ignore[arg-type]

    mask = read_mask(tmp_path / name)

    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, IDS)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_read_where_ids_fit_into_eight(tmp_path: Path, name: str) -> None:
    deep = IDS.astype(np.uint16)
    deep[0, 0] = 255
    Image.fromarray(deep).save(tmp_path / name)

    np.testing.assert_array_equal(read_mask(tmp_path / name), deep)

    deep[5, 7] = 256
    Image.fromarray(deep).save(tmp_path / name)
    message = f"^{re.escape(str(tmp_path / name))}: holds id 256; ids are 0 to 255, the last ignor"
    with pytest.raises(DataError, match=message):
        read_mask(tmp_path / name)


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize(
    ("bits", "packed", "expected"),
    [
        (1, b"\xa0", [1, 0, 1]),
        (2, b"\x1c", [0, 1, 3]),
        (4, b"\x01\xf0", [0, 1, 15]),
        (8, b"\x00\x01\xff", [0, 1, 255]),
        (16, struct.pack("<3H", 0, 1, 255), [0, 1, 255]),
    ],
)
def test_ids_of_a_tiff_are_those_that_are_stored_whichever_end_is_white(
    tmp_path: Path, bits: int, packed: bytes, expected: list[int], photometric: int
) -> None:
    (tmp_path / "a.tif").write_bytes(grey_tiff(bits, 3, packed, photometric))

    assert read_mask(tmp_path / "a.tif").tolist() == [expected]


def test_whole_numbers_of_32_bits_are_read_where_they_are_ids(tmp_path: Path) -> None:
    Image.fromarray(IDS.astype(np.int32)).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), IDS)

    Image.fromarray(IDS.astype(np.int32) - 1).save(tmp_path / "a.tif")
    with pytest.raises(
        DataError, match=r"a\.tif: holds id -1; ids are 0 to 255, the last ignored$"
    ):
        read_mask(tmp_path / "a.tif")


def test_fractions_are_refused(tmp_path: Path) -> None:
    Image.fromarray(IDS.astype(np.float32)).save(tmp_path / "a.tif")

    message = (
        r"a\.tif: holds numbers with fractions; ids are whole, 0 to 255; export it with 8 bits$"
    )
    with pytest.raises(DataError, match=message):
        read_mask(tmp_path / "a.tif")


def test_a_tiff_whose_compression_loses_is_refused(tmp_path: Path) -> None:
    Image.fromarray(IDS).save(tmp_path / "a.tif", compression="jpeg")

    message = (
        r"a\.tif: is a TIFF compressed by jpeg, which may change ids; compress it by LZW or "
        r"deflate, or export it as PNG$"
    )
    for read in (stored_pixels, shown_colours):
        with pytest.raises(DataError, match=message):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["a.gif", "a.tif"])
def test_several_pictures_are_no_mask(tmp_path: Path, name: str) -> None:
    pages = [Image.fromarray(ids) for ids in (IDS, IDS[::-1])]
    pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])

    for read in (stored_pixels, shown_colours):
        with pytest.raises(DataError, match="holds 2 pictures; save the one that counts as its ow"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.bmp", "a.tif"])
def test_colours_are_those_of_the_palette(tmp_path: Path, name: str) -> None:
    image = palette_picture(IDS)
    image.save(tmp_path / name)

    shown = shown_colours(tmp_path / name)

    np.testing.assert_array_equal(shown, np.asarray(image.convert("RGB")))


def test_greys_stay_one_channel_and_black_and_white_are_0_and_255(tmp_path: Path) -> None:
    Image.fromarray(IDS).save(tmp_path / "grey.png")
    Image.fromarray(IDS > 4).save(tmp_path / "two.png")

    np.testing.assert_array_equal(shown_colours(tmp_path / "grey.png"), IDS)
    np.testing.assert_array_equal(shown_colours(tmp_path / "two.png"), 255 * (IDS > 4))


def test_sixteen_bits_are_not_scaled(tmp_path: Path) -> None:
    Image.fromarray(IDS.astype(np.uint16)).save(tmp_path / "deep.png")

    np.testing.assert_array_equal(shown_colours(tmp_path / "deep.png"), IDS)


def test_what_is_wholly_transparent_is_black_and_the_rest_keeps_its_colour(tmp_path: Path) -> None:
    pixels = np.array([[[9, 8, 7, 0], [9, 8, 7, 1], [9, 8, 7, 255]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")

    assert shown_colours(tmp_path / "a.png").tolist() == [[[0, 0, 0], [9, 8, 7], [9, 8, 7]]]


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.webp"])
def test_names_of_formats_that_lose_are_findings(name: str) -> None:
    message = (
        "a mask is a PNG, TIFF, BMP or GIF, because other formats may change ids; export it as PNG"
    )
    assert format_finding(Path(name)) == Finding("mask-format", name, message)


@pytest.mark.parametrize("name", ["a.png", "a.TIF", "a.tiff", "a.bmp", "a.gif"])
def test_names_of_formats_that_keep_ids_are_none(name: str) -> None:
    assert format_finding(Path(name)) is None
