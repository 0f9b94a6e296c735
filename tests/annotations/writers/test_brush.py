import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from decouplednet.annotations.writers.brush import can_hold, decode_brush, encode_brush
from decouplednet.errors import DataError

ROOT = Path(__file__).parents[3]
CONSUMERS = Path(
    os.environ.get("DECOUPLEDNET_CONSUMERS") or ROOT / ".venv-consumers" / "bin" / "python"
)


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random((height, width)) < 0.5


def disc(height: int, width: int) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:height, :width]
    apart: NDArray[np.float64] = (rows - height / 2) ** 2 + (columns - width / 3) ** 2
    return apart < (height / 3) ** 2


def values_in(rle: list[int]) -> list[int]:
    """Read the format as its description has it, bit by bit, from a text of zeros and ones."""
    text = "".join(f"{byte:08b}" for byte in rle)
    place = 0

    def take(bits: int) -> int:
        nonlocal place
        place += bits
        return int(text[place - bits : place], 2)

    total = take(32)
    value_bits = take(5) + 1
    widths = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        repeated = take(1) == 1
        count = take(widths[take(2)]) + 1
        values += [take(value_bits)] * count if repeated else [take(8) for _ in range(count)]
    assert "1" not in text[place:]
    assert 1 <= len(text) - place <= 8
    return values


def packed(*fields: tuple[int, int]) -> list[int]:
    """Return numbers, each with how many bits it has, as bytes."""
    text = "".join(f"{number:0{bits}b}" for number, bits in fields)
    text += "0" * (8 - len(text) % 8)
    return [int(text[start : start + 8], 2) for start in range(0, len(text), 8)]


HEADER_OF_TWO_PIXELS = ((8, 32), (7, 5), (2, 4), (3, 4), (7, 4), (15, 4))


@pytest.mark.parametrize(
    "mask",
    [
        noise(37, 53),
        disc(37, 53),
        np.zeros((1, 1), np.bool_),
        np.ones((1, 1), np.bool_),
        np.zeros((130, 257), np.bool_),
        np.ones((128, 128), np.bool_),  # exactly one chunk of the greatest length
        np.ones((129, 128), np.bool_),
        np.eye(17, dtype=np.bool_),
    ],
)
def test_all_four_channels_of_a_pixel_are_255_where_it_is_painted(mask: NDArray[np.bool_]) -> None:
    values = values_in(encode_brush(mask))

    assert values == [255 if one else 0 for one in mask.ravel() for _ in range(4)]


def test_alpha_between_nothing_and_full_is_kept() -> None:
    alpha = np.random.default_rng(1).integers(0, 4, (7, 11), dtype=np.uint8) * 85

    assert values_in(encode_brush(alpha)) == [int(one) for one in alpha.ravel() for _ in range(4)]


def test_a_worked_example_of_two_pixels() -> None:
    # One clear pixel, one painted: twice a chunk of four values, whose count fits three bits.
    chunks = ((1, 1), (0, 2), (3, 3), (0, 8), (1, 1), (0, 2), (3, 3), (255, 8))

    assert encode_brush(np.array([[False, True]])) == packed(*HEADER_OF_TWO_PIXELS, *chunks)


def test_the_longest_run_of_each_width_is_counted_in_it() -> None:
    sizes = {}
    for pixels in (2, 3, 4, 5, 64, 65, 16384, 16385):
        sizes[pixels] = len(encode_brush(np.ones((1, pixels), np.bool_)))
    fields = {2: 14, 3: 15, 4: 15, 5: 19, 64: 19, 65: 27, 16384: 27, 16385: 27 + 14}

    assert {pixels: (53 + bits) // 8 + 1 for pixels, bits in fields.items()} == sizes


@pytest.mark.parametrize("mask", [noise(37, 53), disc(41, 29), np.zeros((3, 5), np.bool_)])
def test_what_is_encoded_is_decoded_in_its_shape(mask: NDArray[np.bool_]) -> None:
    decoded = decode_brush(encode_brush(mask), mask.shape)

    assert decoded.shape == mask.shape
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, np.where(mask, 255, 0))


def test_many_chunks_are_packed_in_several_blocks() -> None:
    mask = noise(411, 401, seed=3)

    assert np.array_equal(decode_brush(encode_brush(mask), mask.shape) > 0, mask)


def test_chunks_of_values_that_differ_and_other_widths_are_decoded() -> None:
    # Eight values: five that differ in a chunk of width 5, then three equal ones of width 2.
    header = ((8, 32), (7, 5), (1, 4), (4, 4), (0, 4), (15, 4))
    differing = ((0, 1), (1, 2), (4, 5), (9, 8), (8, 8), (7, 8), (6, 8), (5, 8))
    equal = ((1, 1), (0, 2), (2, 2), (201, 8))

    alpha = decode_brush(packed(*header, *differing, *equal), (1, 2))

    assert alpha.tolist() == [[6, 201]]


def test_bytes_behind_the_last_value_do_not_count() -> None:
    mask = disc(9, 13)

    assert np.array_equal(decode_brush([*encode_brush(mask), 0, 255], (9, 13)) > 0, mask)


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        (
            encode_brush(np.ones((2, 2), np.bool_)),
            r"^a brush mask holds 16 values; expected 8, 4 for each pixel of \(1, 2\) \(H, W\)$",
        ),
        (
            encode_brush(np.ones((1, 2), np.bool_))[:-1],
            "^a brush mask is cut short: it ends after ",
        ),
        ([], "^a brush mask is cut short: it ends after 0 bytes$"),
        (packed((8, 32), (15, 5)), "^a brush mask holds values of 16 bits; expected 8$"),
        (
            packed(*HEADER_OF_TWO_PIXELS, (1, 1), (1, 2), (15, 4), (0, 8)),
            "^a brush mask holds more than the 8 values that it announces$",
        ),
        (
            packed(*HEADER_OF_TWO_PIXELS, (0, 1), (0, 2), (7, 3), (1, 8)),
            "^a brush mask is cut short: it ends after 9 bytes$",
        ),
        ([256], "^a brush mask is a list of bytes, whole numbers from 0 to 255$"),
        ([0.5], "^a brush mask is a list of bytes, whole numbers from 0 to 255$"),
        (["a"], "^a brush mask is a list of bytes, whole numbers from 0 to 255$"),
    ],
)
def test_what_is_no_brush_mask_is_refused(rle: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        decode_brush(rle, (1, 2))


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        (np.zeros((2, 3, 4), np.uint8), r"uint8 and shape \(2, 3, 4\)"),
        (np.zeros((2, 3), np.int64), r"int64 and shape \(2, 3\)"),
        (np.zeros((0, 3), np.uint8), r"uint8 and shape \(0, 3\)"),
    ],
)
def test_what_cannot_be_painted_is_refused(mask: Any, found: str) -> None:
    with pytest.raises(
        DataError,
        match=rf"^a mask of type {found} cannot be painted; expected \(H, W\) bool or uint8 with "
        "at least one pixel$",
    ):
        encode_brush(mask)


def test_a_mask_of_too_many_pixels_is_refused() -> None:
    most = np.broadcast_to(np.zeros(1, np.uint8), (2**15, 2**15))

    with pytest.raises(
        DataError,
        match=r"^a mask of 1073741824 pixels is too large for a brush; at most 2\^30 - 1$",
    ):
        encode_brush(most)


def test_how_many_pixels_can_be_counted_is_told() -> None:
    assert can_hold((2**15, 2**15 - 1))
    assert not can_hold((2**15, 2**15))


@pytest.mark.slow
@pytest.mark.skipif(
    not CONSUMERS.exists(), reason="DECOUPLEDNET_CONSUMERS names no python with label-studio-sdk"
)
def test_label_studios_own_tools_read_and_write_the_same(tmp_path: Path) -> None:
    masks = {"noise": noise(37, 53), "disc": disc(141, 229), "all": np.ones((300, 301), np.bool_)}
    for name, mask in masks.items():
        np.save(tmp_path / f"{name}.npy", np.where(mask, 255, 0).astype(np.uint8))
    ours = {name: encode_brush(mask) for name, mask in masks.items()}
    (tmp_path / "ours.json").write_text(json.dumps(ours))
    code = (
        "import json, pathlib, sys\n"
        "import numpy as np\n"
        "from label_studio_sdk.converter.brush import decode_rle, mask2rle\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "ours = json.loads((folder / 'ours.json').read_text())\n"
        "read = {name: decode_rle(rle).tolist() for name, rle in ours.items()}\n"
        "written = {name: mask2rle(np.load(folder / f'{name}.npy')) for name in ours}\n"
        "print(json.dumps([read, written]))\n"
    )

    done = subprocess.run(
        [str(CONSUMERS), "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
    )

    read, written = json.loads(done.stdout)
    assert written == ours
    for name, mask in masks.items():
        pixels = np.array(read[name]).reshape(*mask.shape, 4)
        assert np.array_equal(pixels, np.where(mask, 255, 0)[..., None].repeat(4, axis=2))
