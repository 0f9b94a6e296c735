import pytest

from decouplednet.comparison.budget import of_each_cell
from decouplednet.comparison.windows import uneven_windows
from decouplednet.settings import Settings

UPDATES = ("preset=skip", "classifier.updates=9", "segmenter.updates=9", "self_training.updates=9")
BOTH = ("improved", "one-network")


def told(*changes: str, methods: tuple[str, ...] = BOTH) -> str | None:
    return uneven_windows(of_each_cell(Settings.read(None, [*UPDATES, *changes])), methods)


@pytest.mark.parametrize(
    ("changes", "third", "second"),
    [
        (["segmenter.side=176"], None, None),  # stage 3 has the windows of stage 2 by itself
        (["segmenter.side=176", "self_training.side=176"], None, None),
        (["self_training.side=160"], None, None),  # the usual side of the preset
        (
            ["segmenter.side=176", "self_training.side=240"],
            "8 windows of 240 pixels",
            "8 windows of 176 pixels",
        ),
        (
            ["side=256", "self_training.images_per_update=16"],
            "16 windows of 256 pixels",
            "8 windows of 256 pixels",
        ),
        (["preset=vgg16"], "8 windows of 160 pixels", "8 windows of 320 pixels"),
    ],
)
def test_updates_of_other_windows_are_told_with_both_numbers(
    changes: list[str], third: str | None, second: str | None
) -> None:
    expected = third and (
        f"an update of the third stage of improved learns from {third}, one of the second stages, "
        f"in which the other methods make as many updates, from {second}: they are not worth the "
        "same"
    )

    assert told(*changes) == expected


@pytest.mark.parametrize(
    "changes", [("minutes=30",), ("self_training.enabled=false",), ("self_training.minutes=2",)]
)
def test_nothing_is_told_where_no_updates_of_a_third_stage_are_the_budget(
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
def test_it_is_told_where_a_third_stage_stands_beside_methods_without_one(
    methods: tuple[str, ...], is_told: bool
) -> None:
    assert (told("self_training.side=240", methods=methods) is not None) is is_told
