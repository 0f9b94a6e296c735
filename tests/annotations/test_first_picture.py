"""Files of several pictures, and pictures that are stored in unusual ways."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from decouplednet.annotations.check import check
from decouplednet.annotations.findings import Finding
from decouplednet.annotations.image_files import find_images
from decouplednet.annotations.images import image_size, picture_count, read_image
from decouplednet.errors import DataError
from tests.annotations import folders

SIZE = (37, 53)


def blocks(seed: int) -> Image.Image:
    """Return a picture of few colours, which every format keeps."""
    colours = np.random.default_rng(seed).choice([0, 85, 170, 255], (5, 7, 3)).astype(np.uint8)
    return Image.fromarray(np.repeat(np.repeat(colours, 8, 0), 8, 1)[: SIZE[0], : SIZE[1]])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.gif", {}),
        ("a.png", {}),
        ("a.webp", {"lossless": True}),
        ("a.tif", {}),
        ("a.tiff", {"compression": "tiff_lzw"}),
    ],
)
def test_of_several_pictures_the_first_is_taken_and_a_note_says_so(
    tmp_path: Path, name: str, options: dict[str, object]
) -> None:
    folders.native(tmp_path, tags={"b": "cat;dog"})
    first, *others = (blocks(seed) for seed in range(3))
    path = tmp_path / "images" / name
    first.save(path, save_all=True, append_images=others, **options)  # type: ignore[arg-type]

    np.testing.assert_array_equal(read_image(path), np.asarray(first))
    assert image_size(path) == SIZE
    assert picture_count(path) == 3
    report = check(tmp_path)
    assert report.findings == ()
    assert report.notes == (
        Finding("first-frame", str(path), "holds 3 pictures, of which the first is taken"),
    )


def test_a_first_picture_that_is_smaller_than_its_canvas_lies_over_white(tmp_path: Path) -> None:
    small = Image.fromarray(np.array([[0, 1], [1, 1]], dtype=np.uint8))
    small.putpalette([9, 9, 9, 200, 100, 50])
    small.save(tmp_path / "a.gif", transparency=0)
    content = bytearray((tmp_path / "a.gif").read_bytes())
    content[6:10] = struct.pack("<HH", 5, 4)  # the size of the whole picture (GIF89a, section 18)
    (tmp_path / "a.gif").write_bytes(content)

    pixels = read_image(tmp_path / "a.gif")

    expected = np.full((4, 5, 3), 255)
    expected[:2, :2] = (200, 100, 50)
    expected[0, 0] = 255
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("name", ["a.gif", "a.png"])
def test_what_is_damaged_behind_the_first_picture_does_not_hinder(
    tmp_path: Path, name: str
) -> None:
    folders.native(tmp_path, tags={"b": "cat;dog"})
    noise = np.random.default_rng(1).integers(0, 256, (2, *SIZE), dtype=np.uint8)
    first, second = (Image.fromarray(one) for one in noise)
    path = tmp_path / "images" / name
    first.save(path, save_all=True, append_images=[second])
    path.write_bytes(path.read_bytes()[:-500])

    np.testing.assert_array_equal(read_image(path)[..., 0], np.asarray(first))
    assert check(tmp_path).findings == ()


def test_a_single_gif_is_an_image_and_no_note(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"b": "cat;dog"})
    blocks(1).save(tmp_path / "images" / "a.gif")

    assert [path.name for path in find_images(tmp_path / "images").images] == ["a.gif", "b.png"]
    assert check(tmp_path).notes == ()


def test_the_pictures_of_a_file_that_is_none_cannot_be_counted(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a")

    with pytest.raises(DataError, match=r"a\.gif: not a readable image: "):
        picture_count(tmp_path / "a.gif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_is_turned_once_and_its_size_is_that_of_the_turned_one(
    tmp_path: Path, orientation: int, compression: str | None
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture = blocks(2)
    picture.save(tmp_path / "a.tif", exif=exif, compression=compression)
    picture.save(tmp_path / "a.png", exif=exif)

    shown = read_image(tmp_path / "a.tif")

    with Image.open(tmp_path / "a.png") as other:
        np.testing.assert_array_equal(shown, np.asarray(ImageOps.exif_transpose(other)))
    assert image_size(tmp_path / "a.tif") == shown.shape[:2]


def tiff(tags: dict[int, tuple[int, int]], pixels: bytes) -> bytes:
    """Return a little-endian TIFF of one strip, put together by TIFF 6.0, section 2.

    Args:
        tags: number to type (3: 16 bits, 4: 32 bits) and value.
        pixels: of the strip.
    """
    count = len(tags) + 1
    start = 8 + 2 + 12 * count + 4
    entries = sorted({**tags, 273: (4, start)}.items())
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in entries)
    return b"II*\0" + struct.pack("<IH", 8, count) + body + struct.pack("<I", 0) + pixels


def grey_tiff(bits: int, width: int, pixels: bytes, photometric: int, kind: int = 1) -> bytes:
    """Return a TIFF of one row of greys; photometric 0: 0 is white; kind 2: with a sign."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: photometric, 277: 1, 278: 1, 339: kind}
    return tiff({**{tag: (3, v) for tag, v in tags.items()}, 279: (4, len(pixels))}, pixels)


@pytest.mark.parametrize(
    ("photometric", "expected"), [(1, [0, 1, 128, 255]), (0, [255, 254, 127, 0])]
)
def test_sixteen_bits_of_a_tiff_are_scaled_whichever_end_is_white(
    tmp_path: Path, photometric: int, expected: list[int]
) -> None:
    values = struct.pack("<4H", 0, 257, 32896, 65535)
    (tmp_path / "a.tif").write_bytes(grey_tiff(16, 4, values, photometric))

    assert read_image(tmp_path / "a.tif")[0, :, 1].tolist() == expected


def test_twelve_bits_of_a_tiff_reach_from_black_to_white(tmp_path: Path) -> None:
    # Two numbers in three bytes, the highest bits first: 0, 4095, 2048, 16.
    packed = bytes([0x00, 0x0F, 0xFF, 0x80, 0x00, 0x10])
    (tmp_path / "a.tif").write_bytes(grey_tiff(12, 4, packed, 1))

    greys = [round(number * 255 / 4095) for number in (0, 4095, 2048, 16)]
    assert read_image(tmp_path / "a.tif")[0, :, 2].tolist() == greys


def test_numbers_with_a_sign_or_of_32_bits_have_no_known_range(tmp_path: Path) -> None:
    (tmp_path / "signed.tif").write_bytes(grey_tiff(16, 2, b"\0\0\xff\xff", 1, kind=2))
    Image.new("I", (2, 3)).save(tmp_path / "long.tif")

    for name in ("signed", "long"):
        message = (
            rf"{name}\.tif: not a readable image: its numbers have no known range \(mode I\); save "
            "it with 8 bits$"
        )
        with pytest.raises(DataError, match=message):
            read_image(tmp_path / f"{name}.tif")


def test_the_transparent_grey_of_sixteen_bits_is_white(tmp_path: Path) -> None:
    deep = np.array([[0, 300, 514, 65535]], dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png", transparency=514)

    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 1, 255, 255]


@pytest.mark.parametrize("subsampling", [0, 2])
def test_the_inks_of_an_adobe_jpeg_are_not_inverted(tmp_path: Path, subsampling: int) -> None:
    inks = np.zeros((16, 32, 4), dtype=np.uint8)
    inks[:, :16] = (200, 40, 0, 50)
    inks[:, 16:] = (0, 100, 220, 20)
    path = tmp_path / "a.jpg"
    Image.fromarray(inks, "CMYK").save(path, quality=100, subsampling=subsampling)
    assert b"Adobe" in path.read_bytes()[:200]

    found = read_image(path).astype(float)

    share = 1 - inks / 255  # of light that each ink lets through, the last being black
    expected = 255 * share[..., :3] * share[..., 3:]
    assert np.abs(found - expected)[:, [4, 28]].max() <= 4


def test_half_transparent_pixels_of_a_palette_lie_over_white(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8))
    image.putpalette([100, 50, 0, 0, 200, 40, 7, 8, 9])
    image.save(tmp_path / "a.png", transparency=bytes([255, 51, 0]))

    pixels = read_image(tmp_path / "a.png")

    # 51 of 255 is a fifth: a fifth of (0, 200, 40) and four fifths of white.
    assert pixels.tolist() == [[[100, 50, 0], [204, 244, 212], [255, 255, 255]]]
