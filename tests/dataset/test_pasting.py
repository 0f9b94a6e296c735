"""Pasted objects: what is cut out, what covers what, and onto which images."""

from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from decouplednet.annotations.catalogue import Record
from decouplednet.classes import ClassList
from decouplednet.dataset import pasting
from decouplednet.dataset.frame import Frame
from decouplednet.dataset.masked import MaskedExample, MaskedImages
from decouplednet.dataset.pasting import PastedObject, Scene, object_part, paste, tagged_scene
from decouplednet.stage_settings import AugmentationSettings, SegmenterSettings
from tests.dataset.pictures import noise, record

CLASSES = ClassList(("car", "cat", "cow"))
FRAME = Frame(side=64, channel_order="RGB", mean=(0, 0, 0), deviation=(1, 1, 1))
PLAIN = AugmentationSettings(flip=False, smallest_scale=1, colour=0)


def test_an_object_has_its_ignored_border_but_no_far_or_separate_ignored_pixels() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        kinds = rng.choice(3, (70, 110), p=(0.55, 0.15, 0.3))
        body = np.zeros((70, 110), bool)
        body[20:31, 40:58] = kinds[20:31, 40:58] == 1
        ignored = kinds == 2
        reach = 3  # 0.02 of 110, rounded up

        steps = {(int(row), int(column)): 0 for row, column in np.argwhere(body)}
        waiting = deque(steps)
        while waiting:
            row, column = waiting.popleft()
            for near in ((row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
                inside = 0 <= near[0] < 70 and 0 <= near[1] < 110
                if inside and near not in steps and ignored[near] and steps[row, column] < reach:
                    steps[near] = steps[row, column] + 1
                    waiting.append(near)
        expected = np.zeros((70, 110), np.uint8)
        for place, taken in steps.items():
            expected[place] = 255 if taken else 1

        part = object_part(body, ignored)

        assert part.dtype == np.uint8
        np.testing.assert_array_equal(part, expected)


def l_shaped(height: int = 30, width: int = 50) -> PastedObject:
    """Return an L of class 3 with an ignored edge, in an image of levels from 150 on."""
    part = np.zeros((height, width), np.uint8)
    part[5:24, 8:25] = 255
    part[6:23, 9:13] = 1
    part[18:23, 9:24] = 1
    image = noise(1, height, width) % np.uint8(50) + np.uint8(150)
    return PastedObject(image, part, 3)


def host_of(height: int = 44, width: int = 37) -> Scene:
    """Return a scene with cars and ignored pixels, in an image of levels below 100."""
    mask = np.zeros((height, width), np.uint8)
    mask[4:20, 3:30] = 1
    mask[30:34] = 255
    tags = torch.tensor([1.0, 0.0, 0.0])
    return Scene(noise(2, height, width) % np.uint8(100), mask, mask, (1,), tags)


def test_what_is_pasted_covers_the_image_and_the_mask_and_nothing_else_changes() -> None:
    for seed in range(30):
        host, rng = host_of(), np.random.default_rng(seed)
        before = host.image.copy(), host.mask.copy()

        scene = paste(l_shaped(), host, flip=True, rng=rng)

        assert scene is not None
        assert scene.mask is scene.regions
        for row in range(44):
            for column in range(37):
                new, old = scene.mask[row, column], host.mask[row, column]
                levels = scene.image[row, column]
                if (levels >= 150).all():
                    assert new in (3, 255)
                else:
                    assert new == old
                    np.testing.assert_array_equal(levels, host.image[row, column])
        assert (scene.mask == 3).sum() > 10
        assert scene.tags.tolist() == [1, 0, 1]
        assert scene.labels == ((1, 3) if (scene.mask == 1).any() else (3,))
        np.testing.assert_array_equal(host.image, before[0])
        np.testing.assert_array_equal(host.mask, before[1])
        assert host.tags.tolist() == [1, 0, 0]


def test_an_object_of_its_own_size_is_moved_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pasting, "SIZES", (1.0, 1.0))
    pasted = l_shaped()
    places, mirrored = set(), set()
    for seed in range(40):
        host = host_of(30, 50)
        scene = paste(pasted, host, flip=True, rng=np.random.default_rng(seed))
        assert scene is not None
        rows, columns = np.nonzero((scene.image >= 150).all(axis=2))
        top, left = int(rows.min()), int(columns.min())
        part, image = pasted.part[5:24, 8:25], pasted.image[5:24, 8:25]
        if (scene.mask[top + 5, left + 14]) == 3:  # the upright of the L lies right
            part, image = part[:, ::-1], image[:, ::-1]
            mirrored.add(True)
        else:
            mirrored.add(False)
        places.add((top, left))
        for row in range(19):
            for column in range(17):
                at = top + row, left + column
                assert scene.mask[at] == {1: 3, 255: 255}[int(part[row, column])]
                np.testing.assert_array_equal(scene.image[at], image[row, column])
    assert mirrored == {True, False}
    assert len(places) > 20
    assert min(places)[0] < 3
    assert max(places)[0] > 8


def test_objects_are_not_mirrored_where_images_are_not() -> None:
    for seed in range(20):
        scene = paste(l_shaped(), host_of(), flip=False, rng=np.random.default_rng(seed))
        assert scene is not None
        body = scene.mask == 3
        columns = np.flatnonzero(body.any(axis=0))
        assert body[:, columns[0]].sum() > body[:, columns[-1]].sum()


def test_objects_are_half_as_large_to_half_again_as_large_but_fit_and_are_seen() -> None:
    def shares(pasted: PastedObject) -> list[float]:
        found = []
        for seed in range(60):
            host = tagged_scene(np.zeros((80, 120, 3), np.uint8), torch.zeros(3))
            scene = paste(pasted, host, flip=False, rng=np.random.default_rng(seed))
            assert scene is not None
            rows, columns = np.nonzero(scene.mask)
            found.append(max(float(np.ptp(rows) + 1) / 80, float(np.ptp(columns) + 1) / 120))
        return found

    usual = shares(l_shaped())  # 19 of 30 rows
    assert min(usual) == pytest.approx(0.5 * 19 / 30, abs=0.05)
    assert max(usual) == pytest.approx(0.9, abs=0.02)
    small = np.zeros((100, 100), np.uint8)
    small[50:52, 40:42] = 1
    assert min(shares(PastedObject(noise(0, 100, 100), small, 2))) == pytest.approx(0.1, abs=0.02)


def test_a_thin_object_of_which_no_pixel_is_left_is_not_pasted() -> None:
    part = np.full((90, 90), 255, np.uint8)
    part[::45, ::45] = 1
    pasted = PastedObject(noise(0, 90, 90), part, 3)

    results = [
        paste(pasted, host_of(9, 9), flip=False, rng=np.random.default_rng(seed))
        for seed in range(20)
    ]

    assert None in results


def test_tags_say_nothing_of_the_pixels_but_what_is_not_there() -> None:
    image = noise(0, 5, 7)
    some = tagged_scene(image, torch.tensor([0.0, 1.0, 0.0]))
    none = tagged_scene(image, torch.zeros(3))

    assert (some.mask == 255).all()
    assert (none.mask == 0).all()
    for scene in (some, none):
        assert scene.image is image
        assert (scene.regions == 0).all()
        assert scene.regions.shape == scene.mask.shape == (5, 7)
        assert scene.labels == ()


def drawn_image(folder: Path, name: str, level: int, label: int, *more: int) -> Record:
    """Return a record of one level, with a square of ``label`` and stripes of more ids."""
    mask = np.zeros((40, 50), np.uint8)
    mask[9:23, 9:23] = 255
    mask[10:22, 10:22] = label
    for place, other in enumerate(more):
        mask[30 + 3 * place : 32 + 3 * place, 5:45] = other
    return record(folder, name, np.full((40, 50, 3), level, np.uint8), mask=mask)


def host(folder: Path, name: str, level: int, *tags: str) -> Record:
    image = np.full((50, 40, 3), level, np.uint8)
    return record(folder, name, image, tags=frozenset(tags))


def stream(
    records: Sequence[Record],
    hosts: Sequence[Record] | None,
    share: float,
    *,
    augmentation: AugmentationSettings = PLAIN,
    seed: int = 4,
    masked: ClassList = CLASSES,
) -> MaskedImages:
    return MaskedImages(
        records,
        source=CLASSES,
        classes=CLASSES,
        others="ignore",
        masked=masked,
        frame=FRAME,
        settings=SegmenterSettings(window_share=0, pasted_share=share, augmentation=augmentation),
        seed=seed,
        hosts=hosts,
    )


def same(one: MaskedExample, other: MaskedExample) -> bool:
    pairs = zip(one, other, strict=True)
    return all(torch.allclose(a.float(), b.float(), atol=0, equal_nan=True) for a, b in pairs)


def test_around_an_object_on_a_tagged_image_is_background_and_no_class_is_known(
    tmp_path: Path,
) -> None:
    cat = drawn_image(tmp_path, "cat", 200, 2)
    hosts = [host(tmp_path, "car", 10, "car"), host(tmp_path, "cats", 90, "cat", "cow")]
    hosts.append(host(tmp_path, "none", 40))
    images = stream([cat], hosts, 1)
    levels, borders = set(), set()
    for draw in range(40):
        image, asked, target, mask, tags = images[draw]
        assert asked.tolist() == [False, True, False]
        content = image[:, :, :51]  # 50 x 40 in 64 x 51
        level = int(content.min())
        levels.add(level)
        edge = ((content != level) & (content != 200)).any(dim=0)
        shown, seen, known = (part[:, :51] for part in (image[0], target, mask))
        assert 1 in seen[(shown == 200) & ~edge]
        assert 0 not in seen[(shown == 200) & ~edge]
        borders.add(bool((seen == 255).any()))
        assert set(seen[(shown == level) & ~edge].tolist()) <= {0, 255}
        assert (seen[known == 2] == 1).all()
        elsewhere = known[(seen == 0) & ~edge]
        assert set(elsewhere.tolist()) == ({255} if level == 10 else {0})
        assert (target[:, 51:] == 255).all()
        expected = torch.tensor([torch.nan if level == 10 else 0.0, 1.0, 0.0])
        assert torch.equal(tags.isnan(), expected.isnan())
        assert tags.nansum() == 1
    assert levels == {10, 40}  # never the image that has the class
    assert True in borders


def test_objects_lie_on_other_masked_images_too_and_any_set_may_be_asked_for(
    tmp_path: Path,
) -> None:
    records = [
        drawn_image(tmp_path, "cat", 200, 2, 3),
        drawn_image(tmp_path, "car", 20, 1),
        drawn_image(tmp_path, "both", 90, 2, 1),
    ]
    images = stream(records, (), 1)
    subsets = set()
    for draw in range(120):
        _, asked, target, mask, _ = images[draw]
        subsets.add(tuple(asked.tolist()))
        wanted = torch.nonzero(asked)[:, 0] + 1
        expected = torch.isin(mask, wanted)
        assert torch.equal(target == 1, expected)
        assert torch.equal(target == 255, mask == 255)
        assert (mask == 0).any()
    assert (True, True, False) in subsets  # of the car's image with a cat on it, or both
    assert (True, False, True) in subsets  # of the car's image with the cow alone on it


def test_the_share_of_samples_is_pasted_and_each_depends_on_seed_and_draw_only(
    tmp_path: Path,
) -> None:
    records = [drawn_image(tmp_path, "cat", 200, 2)]
    hosts = [host(tmp_path, f"host{level}", level, "car") for level in (10, 20, 30)]
    augmentation = AugmentationSettings()
    plain = stream(records, None, 0, augmentation=augmentation)
    images = stream(records, hosts, 0.25, augmentation=augmentation)

    pasted = [bool((images[draw].mask == 0).sum() == 0) for draw in range(400)]

    assert sum(pasted) / 400 == pytest.approx(0.25, abs=0.07)
    place = pasted.index(True)
    assert same(images[place], stream(records, hosts, 0.25, augmentation=augmentation)[place])
    assert not same(
        images[place], stream(records, hosts, 0.25, augmentation=augmentation, seed=5)[place]
    )
    for other in (
        stream(records, hosts, 0, augmentation=augmentation),
        stream(records, None, 1, augmentation=augmentation),
    ):
        assert all(same(plain[draw], other[draw]) for draw in range(20))


def test_where_no_image_lacks_the_class_the_window_stays_as_it_is(tmp_path: Path) -> None:
    cat = drawn_image(tmp_path, "cat", 200, 2)
    unknown = record(tmp_path, "unknown", noise(3, 9, 9))
    images = stream([cat], [host(tmp_path, "cats", 10, "cat"), unknown], 1)

    assert all(images[draw].image.max() == images[draw].image[0, 0, 0] == 200 for draw in range(9))


def test_only_classes_whose_masks_are_learnt_are_pasted(tmp_path: Path) -> None:
    both = drawn_image(tmp_path, "both", 200, 2, 3)
    hosts = [host(tmp_path, "car", 10, "car")]
    images = stream([both], hosts, 1, masked=ClassList(("cat",)))

    for draw in range(20):
        assert images[draw].asked.tolist() == [False, True, False]
        assert set(images[draw].mask.flatten().tolist()) == {2, 255}


def test_an_object_that_vanishes_leaves_the_window_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cat = drawn_image(tmp_path, "cat", 200, 2)
    monkeypatch.setattr("decouplednet.dataset.masked.paste", lambda *_, **__: None)

    example = stream([cat], [host(tmp_path, "car", 10, "car")], 1)[0]

    assert example.image[0, 0, 0] == 200
    assert example.tags.tolist() == [0, 1, 0]
