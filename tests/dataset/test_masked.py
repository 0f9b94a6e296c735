from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from decouplednet.annotations.catalogue import Record
from decouplednet.classes import ClassList
from decouplednet.dataset.draws import DrawSampler
from decouplednet.dataset.masked import (
    ClassImages,
    MaskedExample,
    MaskedImages,
    window_tags,
)
from decouplednet.dataset.store import ImageStore
from decouplednet.stage_settings import AugmentationSettings, SegmenterSettings
from tests.dataset.masks import CLASSES, FRAME, PLAIN, SOURCE, WHOLE, drawn_mask, masked_images
from tests.dataset.pictures import noise, record


def _same(left: MaskedExample, right: MaskedExample) -> bool:
    pairs = zip(left, right, strict=True)
    return all(torch.allclose(a.float(), b.float(), atol=0, equal_nan=True) for a, b in pairs)


@pytest.mark.parametrize(("others", "car"), [("ignore", 255), ("background", 0)])
def test_the_target_is_the_union_of_the_classes_asked_for(
    records: list[Record], others: Literal["ignore", "background"], car: int
) -> None:
    images = masked_images(records[:1], others=others)
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
                }[int(drawn_mask(9, 12)[row, column])]
        np.testing.assert_array_equal(target, expected)
        assert torch.equal(image, FRAME.image(noise(0, 9, 12)))
        subsets.add(tuple(asked.tolist()))
    assert subsets == {(True, False, False), (False, True, False), (True, True, False)}


@pytest.mark.parametrize(("others", "car"), [("ignore", 255), ("background", 0)])
def test_the_target_of_all_classes_is_the_class_of_each_pixel(
    records: list[Record], others: Literal["ignore", "background"], car: int
) -> None:
    image, target = ClassImages(masked_images(records[:1], others=others))[5]
    expected = np.full((12, 12), 255)
    for row in range(9):
        for column in range(12):
            of_source = int(drawn_mask(9, 12)[row, column])
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
    examples = ClassImages(masked_images([one], settings=settings, frame=frame))

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
        images = masked_images(
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
        images = masked_images([one], settings=settings)
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
        images = masked_images(records, others="background", settings=settings)

        # The only ignored pixels are the masks' own 2 x 2.
        assert all((images[draw].target == 255).float().mean() < 0.5 for draw in range(10))
        assert all(images[draw].image[:, -1, -1].any() for draw in range(10))


def test_augmentation_settings_reach_the_example(records: list[Record]) -> None:
    def drawn(augmentation: AugmentationSettings) -> list[MaskedExample]:
        images = masked_images(
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
    in_turn = [masked_images(records, settings=settings)[draw] for draw in range(12)]
    one = masked_images(records, settings=settings, store=ImageStore(10**6))
    backwards = [one[draw] for draw in reversed(range(12))][::-1]

    assert all(_same(*pair) for pair in zip(in_turn, backwards, strict=True))
    other = [masked_images(records, settings=settings, seed=4)[draw] for draw in range(12)]
    assert not any(_same(*pair) for pair in zip(in_turn, other, strict=True))


def test_every_pass_shows_every_image(records: list[Record]) -> None:
    images = masked_images(records)
    plain = [FRAME.image(noise(i, *size)) for i, size in enumerate([(9, 12), (12, 10), (11, 11)])]
    for first in (0, 3, 6):
        seen = [images[draw].image for draw in range(first, first + 3)]
        assert all(any(torch.equal(image, one) for image in seen) for one in plain)


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
    images = masked_images(records, store=store)
    pixels = 9 * 12 + 12 * 10 + 11 * 11
    assert store.kept_bytes == pixels

    for draw in range(3):
        images[draw]
    assert store.kept_bytes == 4 * pixels


def test_a_loader_gives_batches(records: list[Record]) -> None:
    images = masked_images(records, settings=SegmenterSettings())

    (batch,) = DataLoader(images, batch_size=5, sampler=DrawSampler(5))

    assert isinstance(batch, MaskedExample)
    assert batch.image.shape == (5, 3, 12, 12)
    assert batch.asked.shape == (5, 3)
    assert batch.target.shape == (5, 12, 12)
    assert torch.equal(batch.target[4], images[4].target)


def test_a_class_without_masks_is_ignored_in_masks_and_never_asked_for(
    records: list[Record],
) -> None:
    images = masked_images(records, masked=ClassList(("cat",)))  # dog is learnt from tags alone

    for draw in range(20):
        example = images[draw]
        assert example.asked.tolist() == [False, True, False]
        assert set(example.mask.flatten().tolist()) <= {0, 2, 255}
        assert example.tags.tolist() == [1, 1, 0]  # whole images: the tag is known all the same


def test_the_mask_of_a_window_holds_every_class_where_the_target_holds_the_asked_ones(
    records: list[Record],
) -> None:
    images = masked_images(records)

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


def test_what_a_record_leaves_unsaid_is_unknown_unless_its_mask_shows_it(
    records: list[Record],
) -> None:
    unsaid = [replace(records[0], unsaid=frozenset({"cat", "cow"}))]  # its mask shows dog and cat

    tags = masked_images(unsaid)[0].tags

    assert tags[:2].tolist() == [1, 1]
    assert tags[2].isnan()
    assert masked_images(records[:1])[0].tags.tolist() == [1, 1, 0]


def test_what_is_unsaid_of_an_image_is_unknown_in_its_windows() -> None:
    mask = torch.full((4, 5), 1, dtype=torch.uint8)

    tags = window_tags(mask, torch.tensor([1.0, torch.nan, 0.0]))

    assert tags[[0, 2]].tolist() == [1, 0]
    assert tags[1].isnan()


def test_the_tags_of_a_window_of_ignored_pixels_are_not_known() -> None:
    tags = window_tags(torch.full((4, 5), 255, dtype=torch.uint8), torch.tensor([1.0, 0.0]))

    assert tags[0].isnan()
    assert tags[1] == 0
