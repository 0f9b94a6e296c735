from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from decouplednet.annotations.catalogue import Record
from decouplednet.classes import ClassList
from decouplednet.dataset.draws import DrawSampler
from decouplednet.dataset.frame import Frame
from decouplednet.dataset.masked import (
    ClassImages,
    MaskedExample,
    MaskedImages,
    window_tags,
)
from decouplednet.dataset.store import ImageStore
from decouplednet.errors import DataError
from decouplednet.stage_settings import AugmentationSettings, SegmenterSettings
from tests.dataset.pictures import noise, record

SOURCE = ClassList(("car", "cat", "cow", "dog"))
CLASSES = ClassList(("dog", "cat", "cow"))  # ids 4, 2, 3 of the source
FRAME = Frame(side=12, channel_order="RGB", mean=(0, 0, 0), deviation=(1, 1, 1))
PLAIN = AugmentationSettings(flip=False, smallest_scale=1, colour=0)
WHOLE = SegmenterSettings(window_share=0, augmentation=PLAIN)


def _mask(height: int, width: int) -> NDArray[np.uint8]:
    """Return car, cat and dog in three corners, ignored pixels in the fourth."""
    mask = np.zeros((height, width), np.uint8)
    mask[:3, :3] = 1
    mask[:4, -3:] = 2
    mask[-3:, :4] = 4
    mask[-2:, -2:] = 255
    return mask


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    sizes = [(9, 12), (12, 10), (11, 11)]
    return [
        record(tmp_path, f"i{i}", noise(i, *size), mask=_mask(*size))
        for i, size in enumerate(sizes)
    ]


def _images(
    records: Sequence[Record],
    *,
    classes: ClassList = CLASSES,
    others: Literal["ignore", "background"] = "ignore",
    masked: ClassList | None = None,
    settings: SegmenterSettings = WHOLE,
    frame: Frame = FRAME,
    seed: int = 3,
    store: ImageStore | None = None,
) -> MaskedImages:
    return MaskedImages(
        records,
        source=SOURCE,
        classes=classes,
        others=others,
        masked=masked or classes,
        frame=frame,
        settings=settings,
        seed=seed,
        store=store,
    )


def _same(left: MaskedExample, right: MaskedExample) -> bool:
    pairs = zip(left, right, strict=True)
    return all(torch.allclose(a.float(), b.float(), atol=0, equal_nan=True) for a, b in pairs)


@pytest.mark.parametrize(("others", "car"), [("ignore", 255), ("background", 0)])
def test_the_target_is_the_union_of_the_classes_asked_for(
    records: list[Record], others: Literal["ignore", "background"], car: int
) -> None:
    images = _images(records[:1], others=others)
    subsets = set()
    for draw in range(40):
        image, asked, target, *_ = images[draw]
        assert asked.dtype == torch.bool
        assert target.dtype == torch.uint8
        expected = np.full((12, 12), 255)
        for row in range(9):
            for column in range(12):
                expected[row, column] = {
                    0: 0,
                    1: car,
                    2: int(asked[1]),
                    4: int(asked[0]),
                    255: 255,
                }[int(_mask(9, 12)[row, column])]
        np.testing.assert_array_equal(target, expected)
        assert torch.equal(image, FRAME.image(noise(0, 9, 12)))
        subsets.add(tuple(asked.tolist()))
    assert subsets == {(True, False, False), (False, True, False), (True, True, False)}


@pytest.mark.parametrize(("others", "car"), [("ignore", 255), ("background", 0)])
def test_the_target_of_all_classes_is_the_class_of_each_pixel(
    records: list[Record], others: Literal["ignore", "background"], car: int
) -> None:
    image, target = ClassImages(_images(records[:1], others=others))[5]
    expected = np.full((12, 12), 255)
    for row in range(9):
        for column in range(12):
            of_source = int(_mask(9, 12)[row, column])
            expected[row, column] = {0: 0, 1: car, 2: 2, 4: 1, 255: 255}[of_source]

    np.testing.assert_array_equal(target, expected)
    assert target.dtype == torch.uint8
    assert torch.equal(image, FRAME.image(noise(0, 9, 12)))


def test_windows_of_all_classes_hold_each_of_them_and_vary(tmp_path: Path) -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[14:20, 12:16], mask[20:24, 24:30] = 2, 4
    one = record(tmp_path, "one", noise(0, 40, 50), mask=mask)
    settings = SegmenterSettings(window_share=1)
    frame = FRAME.model_copy(update={"side": 64})
    examples = ClassImages(_images([one], settings=settings, frame=frame))

    seen = [examples[draw] for draw in range(12)]

    assert all({0, 1, 2} <= set(torch.unique(target).tolist()) for _, target in seen)
    assert len({int((target > 0).sum()) for _, target in seen}) == 12
    again, other = examples[3], examples[4]
    assert torch.equal(again.image, seen[3].image)
    assert not torch.equal(again.image, other.image)


def test_an_image_that_encodes_its_mask_stays_on_it(tmp_path: Path) -> None:
    mask = np.kron(
        np.random.default_rng(0).integers(2, 5, (3, 4), np.uint8), np.ones((16, 12), np.uint8)
    )
    # Red shows dog, green cat, blue cow.
    image = np.stack([mask == 4, mask == 2, mask == 3], axis=2).astype(np.uint8) * np.uint8(255)
    settings = SegmenterSettings(
        window_share=0.7, augmentation=AugmentationSettings(smallest_scale=0.6, colour=0)
    )
    frame = FRAME.model_copy(update={"side": 64})
    one = record(tmp_path, "one", image, mask=mask)
    for warped in (False, True):
        images = _images(
            [one], settings=settings.model_copy(update={"warp_windows": warped}), frame=frame
        )
        for draw in range(40):
            seen, asked, target, *_ = images[draw]
            shown = seen[asked].sum(0)
            # 0 or 255 where no edge is near: there target and image must agree.
            assert not shown[(target == 0) | (target == 255)].eq(255).any()
            assert not shown[target == 1].eq(0).any()
            assert ((shown > 127) == (target == 1)).float().mean() > 0.95


def test_windows_bring_the_foreground_closer(tmp_path: Path) -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[17:23, 30:38] = 3
    one = record(tmp_path, "one", noise(0, 40, 60), mask=mask)

    def shares(window_share: float) -> list[float]:
        settings = SegmenterSettings(window_share=window_share, augmentation=PLAIN)
        images = _images([one], settings=settings)
        targets = [images[draw].target for draw in range(40)]
        return [float((t == 1).sum() / (t != 255).sum()) for t in targets]

    assert max(shares(0)) < 0.05
    assert len(set(shares(0))) == 1
    assert min(shares(1)) >= 0.02
    assert max(shares(1)) > 0.15
    assert {share == shares(0)[0] for share in shares(0.5)} == {True, False}


def test_warped_windows_fill_the_frame(records: list[Record]) -> None:
    for share in (0, 1):
        settings = SegmenterSettings(
            window_share=share, warp_windows=True, augmentation=AugmentationSettings()
        )
        images = _images(records, others="background", settings=settings)

        # The only ignored pixels are the masks' own 2 x 2.
        assert all((images[draw].target == 255).float().mean() < 0.5 for draw in range(10))
        assert all(images[draw].image[:, -1, -1].any() for draw in range(10))


def test_augmentation_settings_reach_the_example(records: list[Record]) -> None:
    def drawn(augmentation: AugmentationSettings) -> list[MaskedExample]:
        images = _images(
            records[2:], settings=SegmenterSettings(window_share=0, augmentation=augmentation)
        )
        return [images[draw] for draw in range(20)]

    plain = FRAME.image(noise(2, 11, 11))
    flips = [
        torch.equal(example.image, plain)
        for example in drawn(PLAIN.model_copy(update={"flip": True}))
    ]
    assert set(flips) == {True, False}
    scaled = drawn(PLAIN.model_copy(update={"smallest_scale": 0.5}))
    assert len({int(example.image[0].any(0).sum()) for example in scaled}) == 7
    coloured = drawn(PLAIN.model_copy(update={"colour": 0.3}))
    assert len({float(example.image.mean()) for example in coloured}) == 20


def test_an_example_depends_on_seed_and_draw_only(records: list[Record]) -> None:
    settings = SegmenterSettings()
    in_turn = [_images(records, settings=settings)[draw] for draw in range(12)]
    one = _images(records, settings=settings, store=ImageStore(10**6))
    backwards = [one[draw] for draw in reversed(range(12))][::-1]

    assert all(_same(*pair) for pair in zip(in_turn, backwards, strict=True))
    other = [_images(records, settings=settings, seed=4)[draw] for draw in range(12)]
    assert not any(_same(*pair) for pair in zip(in_turn, other, strict=True))


def test_every_pass_shows_every_image(records: list[Record]) -> None:
    images = _images(records)
    plain = [FRAME.image(noise(i, *size)) for i, size in enumerate([(9, 12), (12, 10), (11, 11)])]
    for first in (0, 3, 6):
        seen = [images[draw].image for draw in range(first, first + 3)]
        assert all(any(torch.equal(image, one) for image in seen) for one in plain)


def test_images_without_a_chosen_class_are_excluded_and_named(
    records: list[Record], tmp_path: Path
) -> None:
    sky = record(tmp_path, "sky", noise(5, 8, 9), mask=np.zeros((8, 9), np.uint8))
    car = record(tmp_path, "car", noise(6, 8, 9), mask=np.full((8, 9), 1, np.uint8))

    images = _images([sky, *records, car])

    assert images.records == tuple(records)
    assert images.excluded == ("sky", "car")
    assert all(images[draw].asked.any() for draw in range(6))


def test_masks_without_any_chosen_class_are_refused(records: list[Record]) -> None:
    message = (
        "none of the 3 masks to train from holds one of the classes cow; "
        "add masks, or choose other classes"
    )
    with pytest.raises(DataError, match=message):
        _images(records, classes=ClassList(("cow",)))


def test_no_masks_are_refused() -> None:
    with pytest.raises(DataError, match="none of the 0 masks to train from holds"):
        _images([])


def test_an_image_without_mask_is_refused(tmp_path: Path) -> None:
    bare = record(tmp_path, "bare", noise(0, 5, 7))

    with pytest.raises(DataError, match=r"bare\.png: the image has no mask to train from"):
        _images([bare])


def test_a_mask_of_another_size_is_refused_before_training(tmp_path: Path) -> None:
    bad = record(tmp_path, "bad", noise(0, 5, 7), mask=np.ones((5, 8), np.uint8))

    with pytest.raises(
        DataError, match=r"bad_mask\.png: the mask is 8 x 5 pixels, its image 7 x 5"
    ):
        _images([bad])


def test_an_id_beyond_the_source_is_refused_before_training(tmp_path: Path) -> None:
    bad = record(tmp_path, "bad", noise(0, 5, 7), mask=np.full((5, 7), 5, np.uint8))

    with pytest.raises(DataError, match=r"bad_mask\.png: id 5 at row 0, column 0 is no class"):
        _images([bad])


def test_a_mask_of_ignored_pixels_alone_is_excluded_where_the_tags_name_no_class(
    records: list[Record], tmp_path: Path
) -> None:
    ignored = record(
        tmp_path,
        "ignored",
        noise(0, 9, 9),
        tags=frozenset(),
        mask=np.full((9, 9), 255, np.uint8),
    )

    assert _images([*records, ignored]).excluded == ("ignored",)


def test_progress_sees_every_record(records: list[Record]) -> None:
    seen: list[str] = []

    def note(items: Sequence[Record]) -> Iterable[Record]:
        for item in items:
            seen.append(item.name)
            yield item

    MaskedImages(
        records,
        source=SOURCE,
        classes=CLASSES,
        others="ignore",
        masked=CLASSES,
        frame=FRAME,
        settings=WHOLE,
        seed=0,
        progress=note,
    )

    assert seen == ["i0", "i1", "i2"]


def test_the_store_keeps_masks_from_the_start_and_images_once_drawn(
    records: list[Record],
) -> None:
    store = ImageStore(10**6)
    images = _images(records, store=store)
    pixels = 9 * 12 + 12 * 10 + 11 * 11
    assert store.kept_bytes == pixels

    for draw in range(3):
        images[draw]
    assert store.kept_bytes == 4 * pixels


def test_a_loader_gives_batches(records: list[Record]) -> None:
    images = _images(records, settings=SegmenterSettings())

    (batch,) = DataLoader(images, batch_size=5, sampler=DrawSampler(5))

    assert isinstance(batch, MaskedExample)
    assert batch.image.shape == (5, 3, 12, 12)
    assert batch.asked.shape == (5, 3)
    assert batch.target.shape == (5, 12, 12)
    assert torch.equal(batch.target[4], images[4].target)


def test_a_class_without_masks_is_ignored_in_masks_and_never_asked_for(
    records: list[Record],
) -> None:
    images = _images(records, masked=ClassList(("cat",)))  # dog is learnt from tags alone

    for draw in range(20):
        example = images[draw]
        assert example.asked.tolist() == [False, True, False]
        assert set(example.mask.flatten().tolist()) <= {0, 2, 255}
        assert example.tags.tolist() == [1, 1, 0]  # whole images: the tag is known all the same


def test_masks_of_classes_without_masks_alone_are_refused(records: list[Record]) -> None:
    with pytest.raises(
        DataError, match=r"none of the 3 masks to train from holds one of the cl.*cow"
    ):
        _images(records, masked=ClassList(("cow",)))


def test_the_mask_of_a_window_holds_every_class_where_the_target_holds_the_asked_ones(
    records: list[Record],
) -> None:
    images = _images(records)

    for draw in range(12):
        example = images[draw]
        for row in range(12):
            for column in range(12):
                label = int(example.mask[row, column])
                expected = (
                    255 if label == 255 else int(label > 0 and bool(example.asked[label - 1]))
                )
                assert int(example.target[row, column]) == expected


def test_the_tags_of_a_window_are_those_of_its_pixels_and_of_the_absent_classes() -> None:
    mask = torch.zeros(30, 30, dtype=torch.uint8)
    mask[0, :8] = 1  # 8 of 800 known pixels: one in a hundred
    mask[1, :7] = 2  # too few to tell
    mask[-10:, :10] = 255
    on_image = torch.tensor([1.0, 1.0, 0.0, 1.0])

    tags = window_tags(mask, on_image)

    assert tags[[0, 2]].tolist() == [1, 0]
    assert tags[[1, 3]].isnan().all()


def test_the_tags_of_a_window_of_ignored_pixels_are_not_known() -> None:
    tags = window_tags(torch.full((4, 5), 255, dtype=torch.uint8), torch.tensor([1.0, 0.0]))

    assert tags[0].isnan()
    assert tags[1] == 0
