import pytest

from decouplednet.comparison.baselines.consistency import ConsistencySettings, schedules
from decouplednet.comparison.baselines.views import STRONG_VIEWS
from decouplednet.comparison.budget import of_each_cell
from decouplednet.comparison.windows import uneven_windows
from decouplednet.settings import Settings

UPDATES = ("preset=skip", "classifier.updates=9", "segmenter.updates=9", "self_training.updates=9")
BOTH = ("improved", "one-network")


def told(*changes: str, methods: tuple[str, ...] = BOTH) -> str | None:
    return uneven_windows(of_each_cell(Settings.read(None, [*UPDATES, *changes])), methods)


def sentence(*parts: str) -> str:
    return f"an update is not worth the same in all methods; it sees, {'; '.join(parts)}"


@pytest.mark.parametrize(
    "changes",
    [
        ["segmenter.side=176"],  # stage 3 has the windows of stage 2 by itself
        ["segmenter.side=176", "self_training.side=176"],
        ["self_training.side=160"],  # the usual side of the preset
    ],
)
def test_nothing_is_told_where_all_updates_see_as_many_windows_of_one_size(
    changes: list[str],
) -> None:
    assert told(*changes) is None


@pytest.mark.parametrize(
    ("changes", "improved", "other"),
    [
        (
            ["segmenter.side=176", "self_training.side=240"],
            "8 windows of 176 pixels in the second stage and 8 windows of 240 pixels in the third",
            "8 windows of 176 pixels",
        ),
        (
            ["side=256", "self_training.images_per_update=16"],
            "8 windows of 256 pixels in the second stage and 16 windows of 256 pixels in the third",
            "8 windows of 256 pixels",
        ),
        (["preset=vgg16"], "8 windows of 160 pixels", "8 windows of 320 pixels"),
    ],
)
def test_updates_of_other_windows_are_told_with_all_numbers(
    changes: list[str], improved: str, other: str
) -> None:
    expected = sentence(f"in improved: {improved}", f"in one-network: {other}")

    assert told(*changes) == expected


def test_consistency_is_told_since_its_later_updates_see_views_too() -> None:
    views = "and in the last 50 % of its updates 24 views of images without their masks too"

    assert told(methods=("one-network", "consistency")) == sentence(
        "in one-network: 8 windows of 160 pixels",
        f"in consistency: 8 windows of 160 pixels, {views}",
    )
    assert told(methods=("consistency", "activation-maps")) is None


def test_the_last_updates_of_consistency_and_their_views_are_as_it_trains() -> None:
    whole = Settings.read(None, [*UPDATES, "segmenter.updates=8"]).segmenter
    first, second = schedules(whole, ConsistencySettings())

    assert (first.updates, second.updates) == (4, 4)
    assert second.images_per_update == 8
    assert second.images_per_update * (1 + STRONG_VIEWS) == 24  # one weak view, and the strong ones


@pytest.mark.parametrize("updates", [UPDATES, UPDATES[:3]])
def test_the_side_that_faithful_methods_round_is_told(updates: tuple[str, ...]) -> None:
    common = of_each_cell(Settings.read(None, [*updates, "side=240"]))
    methods = ("masks-only", "one-network", "smp-unet", "decouplednet", "activation-maps")

    assert uneven_windows(common, methods) == sentence(
        "in decouplednet, masks-only: 8 windows of 256 pixels",
        "in one-network: 8 windows of 240 pixels",
        "in smp-unet: 8 windows of 240 pixels, if it keeps to the settings in common",
    )
    assert uneven_windows(common, methods[:1]) is None
    assert uneven_windows(common, ("decouplednet", "masks-only")) is None


def test_a_side_that_the_backbone_sets_is_told_as_such() -> None:
    assert told(
        "preset=modern", "backbone=facebook/dinov2-small", "self_training.side=240"
    ) == sentence(
        "in improved: 8 windows of the usual side of preset modern in the second stage and "
        "8 windows of 240 pixels in the third",
        "in one-network: 8 windows of the usual side of preset modern",
    )


@pytest.mark.parametrize(
    "changes",
    [
        ("minutes=30",),
        ("self_training.enabled=false",),
        ("segmenter.minutes=2",),
        ("self_training.minutes=2",),
    ],
)
def test_nothing_is_told_where_no_updates_of_other_windows_are_the_budget(
    changes: tuple[str, ...],
) -> None:
    assert told("self_training.side=240") is not None
    assert told("self_training.side=240", *changes) is None


@pytest.mark.parametrize(
    ("methods", "is_told"),
    [
        (("improved",), False),
        (("improved", "activation-maps"), False),  # which learns from no windows
        (("decouplednet", "one-network"), False),
        (("improved", "smp-unet"), True),
    ],
)
def test_it_is_told_where_several_methods_learn_from_windows(
    methods: tuple[str, ...], is_told: bool
) -> None:
    assert (told("self_training.side=240", methods=methods) is not None) is is_told
