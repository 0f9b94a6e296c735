import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decouplednet.dataset.frame import Frame, Placement, torchvision_frame
from decouplednet.dataset.view import Box, View
from decouplednet.errors import DataError, ModelError
from tests.dataset.reference import enlarged, nearest, resized

SIZES = [(23, 17), (7, 31), (5, 3), (1, 40), (40, 1), (1, 1), (13, 13), (1, 3)]


def _frame(side: int = 13, channel_order: str = "BGR") -> Frame:
    return Frame.from_dict(
        {
            "side": side,
            "channel_order": channel_order,
            "mean": [10.5, 20.0, 30.0],
            "deviation": [2.0, 4.0, 5.0],
        }
    )


def _noise(size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_the_long_side_fills_the_frame_and_the_aspect_is_kept(size: tuple[int, int]) -> None:
    placement = _frame(13).place(size)

    assert placement.size == size
    assert max(placement.placed) == 13
    assert min(placement.placed) == max(1, round(13 * min(size) / max(size)))
    assert (placement.placed[0] >= placement.placed[1]) == (size[0] >= size[1])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channel_order", ["RGB", "BGR"])
def test_image_matches_a_reading_pixel_by_pixel(size: tuple[int, int], channel_order: str) -> None:
    frame, image = _frame(13, channel_order), _noise(size)
    height, width = frame.place(size).placed
    levels = resized(image, (0, 0, size[1], size[0]), (height, width))

    seen = frame.image(image)

    assert seen.shape == (3, 13, 13)
    assert seen.dtype == torch.float32
    expected = np.zeros((3, 13, 13))
    for channel, (mean, deviation) in enumerate([(10.5, 2.0), (20.0, 4.0), (30.0, 5.0)]):
        source = channel if channel_order == "RGB" else 2 - channel
        expected[channel, :height, :width] = (levels[..., source] - mean) / deviation
    # One level of rounding, divided by the smallest deviation.
    np.testing.assert_allclose(seen, expected, rtol=0, atol=1.02 / 2)


def test_image_is_exact_where_nothing_is_resized() -> None:
    frame = _frame(13, "RGB")
    image = _noise((13, 8))

    seen = frame.image(image)

    np.testing.assert_array_equal(seen[1, :, :8], (image[..., 1] - np.float32(20)) / np.float32(4))
    assert not seen[:, :, 8:].any()


def test_padding_is_the_mean_colour() -> None:
    white = np.full((5, 13, 3), 255, np.uint8)

    seen = _frame(13).image(white)

    assert not seen[:, 5:].any()
    assert seen[:, :5].all()


@pytest.mark.parametrize("size", SIZES)
def test_mask_matches_a_reading_pixel_by_pixel_and_is_padded_with_255(
    size: tuple[int, int],
) -> None:
    mask = _noise(size)[..., 0] % 7
    height, width = _frame(13).place(size).placed

    seen = _frame(13).mask(mask)

    assert seen.dtype == torch.uint8
    expected = np.full((13, 13), 255)
    expected[:height, :width] = nearest(mask, (0, 0, size[1], size[0]), (height, width))
    np.testing.assert_array_equal(seen, expected)


def test_a_view_decides_what_is_seen_of_image_and_mask() -> None:
    image, mask = _noise((9, 12)), _noise((9, 12))[..., 1] % 5
    window = Box(1.5, 2, 11, 7.25)
    view = View(window, (6, 10), mirrored=True)

    seen, ids = _frame(13, "RGB").image(image, view), _frame(13).mask(mask, view)

    levels = resized(image, window, (6, 10))[:, ::-1]
    np.testing.assert_allclose(seen[0, :6, :10], (levels[..., 0] - 10.5) / 2, rtol=0, atol=1.02 / 2)
    assert not seen[:, 6:].any()
    assert not seen[:, :, 10:].any()
    np.testing.assert_array_equal(ids[:6, :10], nearest(mask, window, (6, 10))[:, ::-1])
    assert (ids[6:] == 255).all()
    assert (ids[:, 10:] == 255).all()


@pytest.mark.parametrize("size", SIZES)
def test_restore_matches_a_reading_pixel_by_pixel(size: tuple[int, int]) -> None:
    frame = _frame(13)
    maps = torch.rand(3, 13, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    placement = frame.place(size)
    height, width = placement.placed

    restored = frame.restore(maps, placement)

    assert restored.shape == (3, *size)
    for before, after in zip(maps.numpy(), restored.numpy(), strict=True):
        np.testing.assert_allclose(after, enlarged(before[:height, :width], size), atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_rows_that_are_restored_alone_are_the_same(size: tuple[int, int]) -> None:
    frame, maps = _frame(13), torch.rand(3, 13, 13, generator=torch.Generator().manual_seed(1))
    placement = frame.place(size)
    cut = size[0] // 3
    parts = [rows for rows in (range(cut), range(cut, size[0])) if rows]

    restored = [frame.restore(maps, placement, rows) for rows in parts]

    assert [part.shape for part in restored] == [(3, len(rows), size[1]) for rows in parts]
    assert torch.equal(torch.cat(restored, dim=1), frame.restore(maps, placement))


def test_padding_never_bleeds_into_restored_maps() -> None:
    frame = _frame(13)
    placement = frame.place((20, 31))
    maps = torch.full((2, 13, 13), torch.nan)
    maps[:, : placement.placed[0], : placement.placed[1]] = 0.25

    torch.testing.assert_close(frame.restore(maps, placement), torch.full((2, 20, 31), 0.25))


@pytest.mark.parametrize(("size", "atol"), [((64, 48), 1.0), ((9, 14), 1.0)])
def test_restore_puts_back_what_image_placed(size: tuple[int, int], atol: float) -> None:
    # A ramp stays a ramp under both resamplings, but for the half pixel at the edges.
    frame = Frame(side=32, channel_order="RGB", mean=(0, 0, 0), deviation=(1, 1, 1))
    rows, columns = np.mgrid[: size[0], : size[1]]
    image = np.stack([rows * 2, columns * 2, rows + columns], axis=2).astype(np.uint8)

    restored = frame.restore(frame.image(image), frame.place(size)).permute(1, 2, 0).numpy()

    inner = np.s_[3:-3, 3:-3]
    np.testing.assert_allclose(restored[inner], image[inner], rtol=0, atol=atol)


def test_restore_of_no_map_is_no_map() -> None:
    frame = _frame(13)

    assert frame.restore(torch.empty(0, 13, 13), frame.place((4, 9))).shape == (0, 4, 9)
    part = frame.restore(torch.empty(0, 13, 13), frame.place((4, 9)), range(1, 3))
    assert part.shape == (0, 2, 9)


def test_restore_keeps_the_dtype() -> None:
    maps = torch.zeros(2, 13, 13, dtype=torch.bfloat16)

    assert _frame(13).restore(maps, Placement((3, 5), (8, 13))).dtype == torch.bfloat16


def test_restore_refuses_maps_of_another_side() -> None:
    with pytest.raises(ValueError, match=r"maps are \(K, 13, 13\); these are \(2, 13, 14\)"):
        _frame(13).restore(torch.zeros(2, 13, 14), Placement((3, 5), (8, 13)))


def test_fill_refuses_content_larger_than_the_frame() -> None:
    with pytest.raises(ValueError, match="content of 5 x 14 does not fit a side of 13"):
        _frame(13).fill(np.zeros((5, 14, 3), np.uint8))


@pytest.mark.parametrize(
    ("shape", "dtype", "found"),
    [
        ((4, 5), np.uint8, r"\(4, 5\) uint8"),
        ((4, 5, 4), np.uint8, r"\(4, 5, 4\) uint8"),
        ((4, 5, 3), np.float32, r"\(4, 5, 3\) float32"),
        ((0, 5, 3), np.uint8, r"\(0, 5, 3\) uint8"),
    ],
)
def test_image_refuses_what_is_no_image(
    shape: tuple[int, ...], dtype: type[np.generic], found: str
) -> None:
    with pytest.raises(DataError, match=rf"an image is \(H, W, 3\) uint8.*this one is {found}$"):
        _frame().image(np.zeros(shape, dtype))


@pytest.mark.parametrize(
    ("shape", "dtype", "found"),
    [
        ((4, 5, 3), np.uint8, r"\(4, 5, 3\) uint8"),
        ((4, 5), np.int64, r"\(4, 5\) int64"),
        ((4, 0), np.uint8, r"\(4, 0\) uint8"),
    ],
)
def test_mask_refuses_what_is_no_mask(
    shape: tuple[int, ...], dtype: type[np.generic], found: str
) -> None:
    with pytest.raises(DataError, match=rf"a mask is \(H, W\) uint8.*this one is {found}$"):
        _frame().mask(np.zeros(shape, dtype))


def test_a_frame_comes_back_from_json() -> None:
    for frame in (_frame(160), torchvision_frame(96)):
        assert Frame.from_dict(json.loads(json.dumps(frame.to_dict()))) == frame


def test_to_dict_names_every_field() -> None:
    assert _frame().to_dict() == {
        "side": 13,
        "channel_order": "BGR",
        "mean": [10.5, 20.0, 30.0],
        "deviation": [2.0, 4.0, 5.0],
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": "160"}, r"^frame\.side: Input should be a valid integer$"),
        ({"side": 0}, r"^frame\.side: Input should be greater than 0$"),
        ({"side": 32.5}, r"^frame\.side: Input should be a valid integer"),
        ({"channel_order": "GBR"}, r"^frame\.channel_order: Input should be 'RGB' or 'BGR'$"),
        ({"mean": [1, 2]}, r"^frame\.mean\.2: Field required$"),
        ({"mean": [1, 2, 3, 4]}, r"^frame\.mean: Tuple should have at most 3 items"),
        ({"mean": [1, 2, float("nan")]}, r"^frame\.mean\.2: Input should be a finite number$"),
        ({"deviation": [1, 0, 1]}, r"^frame\.deviation\.1: Input should be greater than 0$"),
        ({"deviation": [1, 1, float("inf")]}, r"^frame\.deviation\.2: Input should be a finite"),
        ({"sides": 3}, r"^frame\.sides: Extra inputs are not permitted$"),
        ({"side": 0, "sides": 3}, r"^frame\.side: .* \(1 more\)$"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Frame.from_dict(_frame().to_dict() | change)


def test_a_frame_that_is_no_table_is_refused() -> None:
    with pytest.raises(ModelError, match=r"^frame: Input should be an object$"):
        Frame.from_dict([1, 2])


def test_a_frame_without_its_mean_is_refused() -> None:
    values = _frame().to_dict()
    del values["mean"]

    with pytest.raises(ModelError, match=r"^frame\.mean: Field required$"):
        Frame.from_dict(values)


def test_a_frame_in_bgr_order_turns_red_into_the_last_channel() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255

    seen = _frame(4, "BGR").image(red)

    expected = torch.tensor([-10.5 / 2, -20 / 4, (255 - 30) / 5])
    torch.testing.assert_close(seen, expected[:, None, None].expand(3, 4, 4))


def test_the_torchvision_frame_scales_to_one_before_its_mean_and_deviation() -> None:
    image = _noise((4, 4))

    seen = torchvision_frame(4).image(image)

    scaled = torch.from_numpy(image).permute(2, 0, 1) / 255
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    torch.testing.assert_close(seen, (scaled - mean) / deviation)
