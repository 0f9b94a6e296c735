"""Views of images without masks: one geometry, several colours, nothing of masks or tags."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from decouplednet.annotations.record import Record
from decouplednet.comparison.baselines.perturbation import StrongSettings
from decouplednet.comparison.baselines.views import PairedImages
from decouplednet.dataset.masked import ClassImages
from decouplednet.dataset.store import ImageStore
from decouplednet.training.segmenter import masked_images
from tests.comparison.baselines.conftest import plan_of

SAME = StrongSettings(colour_share=0, grey_share=0, blur_share=0)


def stream(
    shapes: Path,
    *changes: str,
    strong: StrongSettings | None = None,
    without: bool = False,
    smallest_window: float = 0.5,
) -> PairedImages:
    plan = plan_of(shapes, "segmenter.side=64", *changes)
    records: Sequence[Record] = plan.roles.tags
    if without:
        records = tuple(replace(record, tags=None, mask=None) for record in records)
    return PairedImages(
        ClassImages(masked_images(plan, plan.roles.masks)),
        records,
        frame=plan.frame.model_copy(update={"side": 64}),
        settings=plan.settings.segmenter,
        strong=strong or StrongSettings(),
        smallest_window=smallest_window,
        seed=plan.settings.seed,
        store=ImageStore(0),
    )


def test_views_have_the_shapes_of_the_frame_and_share_their_geometry(shapes: Path) -> None:
    views = stream(shapes, strong=SAME)[3].views

    assert views.weak.shape == (3, 64, 64)
    assert views.strong.shape == (2, 3, 64, 64)
    assert views.patch.shape == (2, 64, 64)
    assert torch.equal(views.strong[0], views.weak)
    assert torch.equal(views.strong[1], views.weak)


def test_strong_views_differ_from_the_weak_one_and_from_each_other(shapes: Path) -> None:
    always = StrongSettings(colour_share=1, paste_share=1)
    views = stream(shapes, strong=always)[0].views

    assert not torch.equal(views.strong[0], views.weak)
    assert not torch.equal(views.strong[0], views.strong[1])
    assert not torch.equal(views.patch[0], views.patch[1])


def test_padding_is_not_seen_and_all_of_the_content_is(shapes: Path) -> None:
    examples = stream(shapes)

    for draw in range(8):
        views = examples[draw].views
        height, width = int(views.seen[:, 0].sum()), int(views.seen[0].sum())
        assert int(views.seen.sum()) == height * width
        assert height < 64, "the pictures are wider than high"
        assert not views.weak[:, ~views.seen].any()
        assert views.weak[:, views.seen].any(dim=0).float().mean() > 0.99


def test_warped_views_fill_the_frame(shapes: Path) -> None:
    assert stream(shapes, "segmenter.warp_windows=true")[0].views.seen.all()


def test_a_draw_depends_on_seed_and_number_alone(shapes: Path) -> None:
    one, again, other = stream(shapes), stream(shapes), stream(shapes, "seed=1")
    one[5]

    assert all(torch.equal(a, b) for a, b in zip(one[2].views, again[2].views, strict=True))
    assert not torch.equal(one[2].views.weak, other[2].views.weak)
    assert not torch.equal(one[2].views.weak, one[3].views.weak)


def test_neither_tags_nor_masks_of_these_images_are_read(shapes: Path) -> None:
    with_them, without = stream(shapes)[1], stream(shapes, without=True)[1]

    for one, other in zip(with_them.views, without.views, strict=True):
        assert torch.equal(one, other)


def test_the_masked_image_of_a_pair_is_that_of_the_masked_stream(shapes: Path) -> None:
    plan = plan_of(shapes, "segmenter.side=64")
    masked = ClassImages(masked_images(plan, plan.roles.masks))

    for one, other in zip(stream(shapes)[4].labelled, masked[4], strict=True):
        assert torch.equal(one, other)


def test_every_image_comes_once_a_pass(shapes: Path) -> None:
    examples = stream(shapes, "segmenter.augmentation.flip=false", smallest_window=1.0)
    sums = {round(float(examples[draw].views.weak.sum()), 2) for draw in range(10)}

    assert len(sums) == 10
