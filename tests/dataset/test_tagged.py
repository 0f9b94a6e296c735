import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from decouplednet.annotations.catalogue import Record
from decouplednet.classes import ClassList
from decouplednet.dataset.draws import DrawSampler
from decouplednet.dataset.frame import Frame
from decouplednet.dataset.store import ImageStore
from decouplednet.dataset.tagged import TaggedExample, TaggedImages, tag_targets
from decouplednet.errors import DataError
from decouplednet.stage_settings import AugmentationSettings
from tests.dataset.pictures import noise, record

CLASSES = ClassList(("cat", "cow", "dog"))
FRAME = Frame(side=10, channel_order="RGB", mean=(1, 2, 3), deviation=(4, 5, 6))
TAGS = (frozenset({"dog", "cat"}), frozenset({"zebra"}), None, frozenset({"cow"}), frozenset[str]())


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    sizes = [(6, 9), (12, 7), (10, 10), (3, 8), (20, 15)]
    return [record(tmp_path, f"i{i}", noise(i, *size)) for i, size in enumerate(sizes)]


def _images(
    records: list[Record],
    *,
    augmentation: AugmentationSettings | None = None,
    seed: int = 3,
    augment: bool = True,
    frame: Frame = FRAME,
    store: ImageStore | None = None,
) -> TaggedImages:
    return TaggedImages(
        records,
        TAGS[: len(records)],
        classes=CLASSES,
        frame=frame,
        augmentation=augmentation or AugmentationSettings(),
        seed=seed,
        store=store,
        augment=augment,
    )


def _same(left: TaggedExample, right: TaggedExample) -> bool:
    return torch.equal(left.image, right.image) and torch.equal(
        left.tags.nan_to_num(7), right.tags.nan_to_num(7)
    )


def test_tag_targets_are_one_zero_or_unknown() -> None:
    targets = tag_targets(TAGS, CLASSES)

    assert targets.dtype == torch.float32
    unknown = [math.nan] * 3
    expected = torch.tensor([[1, 0, 1], [0, 0, 0], unknown, [0, 1, 0], [0, 0, 0]])
    torch.testing.assert_close(targets, expected, rtol=0, atol=0, equal_nan=True)


def test_what_is_unsaid_is_unknown_unless_it_is_tagged() -> None:
    unsaid = [
        frozenset({"cow", "dog"}),  # dog is tagged all the same
        frozenset({"cow", "zebra"}),
        frozenset({"cow"}),
        frozenset[str](),
        frozenset({"cat", "cow", "dog"}),
    ]

    targets = tag_targets(TAGS, CLASSES, unsaid)

    nan = math.nan
    expected = torch.tensor([[1, nan, 1], [0, nan, 0], [nan] * 3, [0, 1, 0], [nan] * 3])
    torch.testing.assert_close(targets, expected, rtol=0, atol=0, equal_nan=True)


def test_what_is_unsaid_goes_with_as_many_tags() -> None:
    with pytest.raises(ValueError, match=r"^5 tags go with as many unsaid classes, not 2$"):
        tag_targets(TAGS, CLASSES, [frozenset(), frozenset()])


def test_what_records_leave_unsaid_reaches_the_examples(records: list[Record]) -> None:
    records[0] = replace(records[0], unsaid=frozenset({"cow"}))

    images = _images(records, augment=False)

    assert images.tags[0].isnan().tolist() == [False, True, False]
    assert images.view(0, 0).tags.isnan().tolist() == [False, True, False]
    assert images.tags[3].tolist() == [0, 1, 0]


def test_without_augmentation_a_draw_is_the_whole_image_in_the_frame(
    records: list[Record],
) -> None:
    images = _images(records, augment=False)
    seen = []
    for draw in range(5):
        example = images[draw]
        matches = [
            index
            for index, size in enumerate([(6, 9), (12, 7), (10, 10), (3, 8), (20, 15)])
            if torch.equal(example.image, FRAME.image(noise(index, *size)))
        ]
        assert len(matches) == 1
        assert torch.equal(example.tags.isnan(), images.tags[matches[0]].isnan())
        assert torch.equal(example.tags.nan_to_num(), images.tags[matches[0]].nan_to_num())
        seen += matches
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_an_example_depends_on_seed_and_draw_only(records: list[Record]) -> None:
    in_turn = [_images(records)[draw] for draw in range(12)]
    one = _images(records, store=ImageStore(10**6))
    backwards = [one[draw] for draw in reversed(range(12))][::-1]

    assert all(_same(*pair) for pair in zip(in_turn, backwards, strict=True))
    other = [_images(records, seed=4)[draw] for draw in range(12)]
    assert not any(_same(*pair) for pair in zip(in_turn, other, strict=True))


def test_an_image_is_varied_anew_in_each_pass(records: list[Record]) -> None:
    images = _images(records[:1])

    assert not torch.equal(images[0].image, images[1].image)


def test_augmentation_settings_reach_the_image(records: list[Record]) -> None:
    def drawn(*, flip: bool, scale: float, colour: float) -> list[torch.Tensor]:
        settings = AugmentationSettings(flip=flip, smallest_scale=scale, colour=colour)
        images = _images(records[:1], augmentation=settings)
        return [images[draw].image for draw in range(20)]

    plain = FRAME.image(noise(0, 6, 9))
    assert all(torch.equal(image, plain) for image in drawn(flip=False, scale=1, colour=0))

    mirrored = FRAME.image(np.ascontiguousarray(noise(0, 6, 9)[:, ::-1]))
    flips = drawn(flip=True, scale=1, colour=0)
    assert {torch.equal(image, plain) for image in flips} == {True, False}
    torch.testing.assert_close(
        next(image for image in flips if not torch.equal(image, plain)), mirrored, rtol=0, atol=0.3
    )

    widths = {int(image.any(0).any(0).sum()) for image in drawn(flip=False, scale=0.5, colour=0)}
    assert widths == {5, 6, 7, 8, 9, 10}

    coloured = drawn(flip=False, scale=1, colour=0.4)
    assert len({float(image.mean()) for image in coloured}) == 20


def test_view_zero_is_the_whole_image(records: list[Record]) -> None:
    for augment in (True, False):
        example = _images(records, augment=augment).view(1, 0)

        assert torch.equal(example.image, FRAME.image(noise(1, 12, 7)))
        assert torch.equal(example.tags, torch.zeros(3))


def test_views_are_fixed_by_seed_name_and_number_alone(records: list[Record]) -> None:
    few = _images(records[3:4], augment=False)
    many = _images(records)

    assert torch.equal(few.view(0, 2).image, many.view(3, 2).image)
    assert not torch.equal(many.view(3, 2).image, many.view(3, 1).image)
    assert not torch.equal(many.view(3, 2).image, many.view(3, 0).image)
    assert not torch.equal(many.view(3, 2).image, _images(records, seed=4).view(3, 2).image)


def test_images_with_the_same_pixels_have_views_of_their_own(tmp_path: Path) -> None:
    twins = [record(tmp_path, name, noise(0, 6, 9)) for name in ("a", "b")]

    images = _images(twins)

    assert not torch.equal(images.view(0, 1).image, images.view(1, 1).image)


def test_a_negative_view_is_refused(records: list[Record]) -> None:
    with pytest.raises(ValueError, match="views are counted from 0; this one is -1"):
        _images(records).view(0, -1)


def test_the_store_keeps_what_was_decoded(records: list[Record]) -> None:
    store = ImageStore(10**6)
    images = _images(records, store=store)
    for draw in range(5):
        images[draw]

    assert store.kept_bytes == 3 * (6 * 9 + 12 * 7 + 10 * 10 + 3 * 8 + 20 * 15)


def test_the_frame_decides_the_size(records: list[Record]) -> None:
    frame = FRAME.model_copy(update={"side": 14})

    assert _images(records, frame=frame)[0].image.shape == (3, 14, 14)
    assert _images(records, frame=frame, augment=False)[0].image.shape == (3, 14, 14)


def test_no_record_is_refused() -> None:
    with pytest.raises(DataError, match="there is no image with tags to train from"):
        _images([])


def test_tags_must_be_as_many_as_records(records: list[Record]) -> None:
    with pytest.raises(ValueError, match="5 records go with as many tags, not 4"):
        TaggedImages(
            records,
            TAGS[:4],
            classes=CLASSES,
            frame=FRAME,
            augmentation=AugmentationSettings(),
            seed=0,
        )


def test_a_loader_gives_batches_in_the_order_of_the_sampler(records: list[Record]) -> None:
    images = _images(records)
    loader = DataLoader(images, batch_size=3, sampler=DrawSampler(6))

    batches = list(loader)

    assert [type(batch) for batch in batches] == [TaggedExample, TaggedExample]
    assert batches[1].image.shape == (3, 3, 10, 10)
    assert torch.equal(batches[1].image[0], images[3].image)
    assert batches[0].tags.shape == (3, 3)


@pytest.mark.slow
def test_worker_processes_give_the_same_stream(records: list[Record]) -> None:
    images = _images(records)
    loader = DataLoader(
        images, batch_size=2, sampler=DrawSampler(8), num_workers=2, multiprocessing_context="spawn"
    )

    seen = torch.cat([batch.image for batch in loader])

    assert torch.equal(seen, torch.stack([images[draw].image for draw in range(8)]))
