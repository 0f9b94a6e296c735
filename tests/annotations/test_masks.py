import re
import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.masks import (
    check_mask,
    classes_in,
    index_table,
    looks_binary,
    mask_findings,
    read_mask,
    read_pixels,
    write_mask,
)
from decouplednet.classes import IGNORE, ClassList, colour_of
from decouplednet.errors import DataError
from tests.annotations.folders import striped

IDS = np.array([[0, 1, 2], [20, 254, 255]], dtype=np.uint8)
PATH = Path("masks/cat.png")


@pytest.mark.parametrize("palette", [True, False])
def test_ids_are_read_as_stored_whatever_the_colours(tmp_path: Path, palette: bool) -> None:
    image = Image.fromarray(IDS)
    if palette:
        image.putpalette(bytes(range(255, -1, -1)) * 3)
    image.save(tmp_path / "a.png")

    assert read_mask(tmp_path / "a.png").tolist() == IDS.tolist()


def png(bits: int, rows: list[bytes], width: int) -> bytes:
    """Return a greyscale PNG, put together by the specification (W3C PNG, sections 5 and 11)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        sum_ = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + sum_

    header = struct.pack(">IIBBBBB", width, len(rows), bits, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("bits", "row", "expected"),
    [
        (1, b"\xa0", [1, 0, 1]),
        (2, b"\x1c", [0, 1, 3]),
        (4, b"\x01\xf0", [0, 1, 15]),
        (16, b"\0\0\0\x01\0\xff", [0, 1, 255]),
    ],
)
def test_ids_of_other_depths_are_not_spread(
    tmp_path: Path, bits: int, row: bytes, expected: list[int]
) -> None:
    (tmp_path / "a.png").write_bytes(png(bits, [row, row], 3))

    mask = read_mask(tmp_path / "a.png")

    assert mask.dtype == np.uint8
    assert mask.tolist() == [expected, expected]


def test_ids_over_255_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(16, [b"\x01\x02"], 1))

    with pytest.raises(DataError, match=r"a\.png: holds id 258; ids are 0 to 255, the last ig"):
        read_mask(tmp_path / "a.png")


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("RGBA", 4), ("LA", 2)])
def test_a_colour_picture_is_refused_as_a_mask(tmp_path: Path, mode: str, channels: int) -> None:
    Image.new(mode, (7, 5)).save(tmp_path / "a.png")

    assert read_pixels(tmp_path / "a.png").shape == (5, 7, channels)
    message = rf"a\.png: has {channels} channels, but a mask holds one class id per pixel; export"
    with pytest.raises(DataError, match=message):
        read_mask(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_another_format_is_refused_whatever_its_name(tmp_path: Path, kind: str) -> None:
    Image.fromarray(IDS).save(tmp_path / "a.png", kind)

    message = rf"a\.png: is a {kind} inside; a mask is a PNG, .* may change ids; export it as PNG$"
    with pytest.raises(DataError, match=message):
        read_mask(tmp_path / "a.png")


def test_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(ids) for ids in (IDS, IDS[::-1])]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])

    with pytest.raises(DataError, match=r"a\.png: .* holds 2 pictures; save the one that counts"):
        read_mask(tmp_path / "a.png")


def test_a_cut_mask_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (40, 50), dtype=np.uint8)).save(
        tmp_path / "a.png"
    )
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:300])

    with pytest.raises(DataError, match=r"a\.png: not a readable image"):
        read_mask(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            np.zeros((5, 7, 3), np.uint8),
            "masks/cat.png: has 3 channels, but a mask holds one class id per pixel; export "
            "indexed colour or class indices, not colours",
        ),
        (
            np.zeros((4, 7), np.uint8),
            "masks/cat.png: the mask is 7 x 4 pixels, its image 7 x 5; export the mask at the size "
            "of the image",
        ),
        (
            np.zeros((7, 5), np.uint8),
            "masks/cat.png: the mask is 5 x 7 pixels, its image 7 x 5; they differ only by a "
            "quarter turn: the image's EXIF orientation was not applied to the mask, so turn the "
            "mask",
        ),
        (
            striped([0, 21, 20, 255, 1]),
            "masks/cat.png: id 21 at row 1, column 0 is no class: ids run from 0 (background) to "
            "20, and 255 is ignored (7 such pixels); correct the id, or add its class to "
            "classes.txt",
        ),
        (
            striped([0, 255, 255, 255]),
            "masks/cat.png: holds only 0 and 255, and 255 is ignored: write the class id (1 to 20) "
            "in place of 255, or, if no class is there, give the image a row with an empty cell in "
            "tags.csv",
        ),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask: NDArray[np.uint8], message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        check_mask(mask, PATH, (5, 7), 20)


@pytest.mark.parametrize("ids", [[0], [0, 1, 20], [255, 20], [0, 1, 255]])
def test_a_mask_that_fits_passes(ids: list[int]) -> None:
    check_mask(striped(ids), PATH, (5, 7), 20)


def test_one_class_has_one_id_to_write() -> None:
    (found,) = mask_findings(striped([255, 255, 255, 0]), PATH, None, 1)

    assert "write the class id (1) in place of 255" in found.message


def test_all_faults_of_a_mask_are_found_at_once() -> None:
    found = mask_findings(striped([0, 3, 255]), PATH, (9, 9), 2)

    assert [one.code for one in found] == ["mask-size", "mask-id"]
    assert {one.file for one in found} == {"masks/cat.png"}


def test_an_unknown_image_size_is_no_fault() -> None:
    assert mask_findings(striped([0, 2]), PATH, None, 2) == ()


def disc(side: int, radius: int, *, inside: int, outline: int) -> NDArray[np.uint8]:
    """Return (side, side) ids: a disc of ``inside`` with a 255 outline as VOC draws it."""
    rows, columns = np.mgrid[:side, :side] - side // 2
    distance = np.hypot(rows, columns)
    mask = np.zeros((side, side), dtype=np.uint8)
    mask[distance < radius + outline] = IGNORE
    mask[distance < radius] = inside
    return mask


@pytest.mark.parametrize(
    ("mask", "tags", "binary"),
    [
        (disc(500, 90, inside=255, outline=0), None, True),
        (disc(500, 90, inside=0, outline=5), None, False),  # an outline, nothing within
        (disc(500, 90, inside=0, outline=5), frozenset({"cat"}), True),  # where is the cat?
        (disc(500, 90, inside=255, outline=0), frozenset(), False),  # no class is there
        (disc(500, 90, inside=3, outline=5), frozenset({"cat"}), False),
        (striped([255]), frozenset({"cat"}), True),
        (striped([255]), None, True),
        (striped([0]), frozenset({"cat"}), False),
        (striped([0, 255], (2, 2)), None, False),  # smaller than the smallest square
        (striped([0, 255, 255], (9, 9)), None, False),
        (striped([0, 255, 255, 255], (9, 9)), None, True),
    ],
)
def test_255_is_an_object_only_where_a_class_must_be(
    mask: NDArray[np.uint8], tags: frozenset[str] | None, binary: bool
) -> None:
    assert looks_binary(mask, tags) == binary
    refused = "binary-mask" in {found.code for found in mask_findings(mask, PATH, None, 9, tags)}
    assert refused == binary


def test_the_classes_of_a_mask_are_those_with_a_pixel() -> None:
    classes = ClassList(("cat", "cow", "dog"))

    assert classes_in(striped([0, 3, 255, 1]), classes) == {"cat", "dog"}
    assert classes_in(striped([0, 255]), classes) == frozenset()


@pytest.mark.parametrize(("others", "rest"), [("ignore", 255), ("background", 0)])
def test_ids_are_translated_by_name(others: Literal["ignore", "background"], rest: int) -> None:
    source = ClassList(("cat", "cow", "dog", "sheep"))
    chosen = ClassList(("sheep", "whale", "cat"))

    table = index_table(source, chosen, others)

    assert table.shape == (256,)
    assert table.dtype == np.uint8
    assert table[[0, 1, 2, 3, 4, 255]].tolist() == [0, 3, rest, rest, 1, 255]


def test_a_written_mask_holds_ids_in_the_colours_of_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.png"

    write_mask(path, IDS)

    with Image.open(path) as image:
        assert image.mode == "P"
        assert np.array(image).tolist() == IDS.tolist()
        colours = np.array(image.convert("RGB"))
    assert [tuple(pixel) for pixel in colours[1].tolist()] == [colour_of(i) for i in IDS[1]]
