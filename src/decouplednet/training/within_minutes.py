"""What a run chooses so that it fits the minutes that it was given, and why."""

from collections.abc import Iterator
from dataclasses import replace

from decouplednet.networks.presets import Preset
from decouplednet.settings import Settings
from decouplednet.training.budget import SECTIONS, Budget, divide
from decouplednet.training.choices import LABELLED, Choice, choose, trained_groups
from decouplednet.training.survey import Numbers, Survey

LARGEST_SIDE = 512  # of a frame, in pixels; the paper's has 320
WINDOW_SHARE = 5 / 8  # of the side of the frame, as 160 of 256 pixels in recipes/voc-animals-*.toml


def fit_to_minutes(settings: Settings, survey: Survey) -> Budget:
    """Return the best budget that fits, or else the cheapest one.

    The best one has the largest frame, and among equals two views of each image.

    Args:
        settings: with ``minutes``; what they give is kept.
        survey: what is known, of the preset that the settings name.
    """
    preset, numbers = survey.preset, survey.numbers
    for candidate in _candidates(settings, preset, numbers):
        complete, choices = choose(candidate, preset, tagged=numbers.tagged, masked=numbers.masked)
        budget = divide(complete, choices, survey)
        if budget.fits:
            break
    return _explained(budget, settings, survey)


def _candidates(settings: Settings, preset: Preset, numbers: Numbers) -> Iterator[Settings]:
    """Yield the settings that are worth trying, the best ones first."""
    stride = preset.stride
    least = stride * preset.kernel
    largest = max(least, stride * (min(numbers.long_side, LARGEST_SIDE) // stride))
    sides = (settings.side,) if settings.side else range(largest, least - 1, -stride)
    complete, _ = choose(settings, preset, tagged=numbers.tagged, masked=numbers.masked)
    settled = settings.gives("classifier.views") or trained_groups(complete) == preset.groups
    for side in sides:
        window = max(least, stride * round(WINDOW_SHARE * side / stride))
        for views in (settings.classifier.views,) if settled else (2, 1):
            values = {"side": side, "segmenter.side": window, "classifier.views": views}
            yield settings.changed({n: v for n, v in values.items() if not settings.gives(n)})


def _explained(budget: Budget, given: Settings, survey: Survey) -> Budget:
    """Return a budget with a reason for each choice, and schedules as long as the time allows."""
    chosen = budget.settings
    if budget.fits:
        side = (
            f"the largest up to the images' usual {survey.numbers.long_side} that the time allows"
        )
    else:
        side = f"the smallest of preset {chosen.preset}, as the time is short"
    views = "two views of each image" if chosen.classifier.views > 1 else "no time for a second"
    own = [
        Choice("side", chosen.side or 0, side),
        Choice(
            "segmenter.side",
            chosen.segmenter.side or 0,
            "about 5/8 of the frame, as windows magnify what is asked for",
        ),
        *(
            Choice(
                f"{SECTIONS[name]}.updates",
                max(1, round(updates)),
                "about as many as the time allows",
            )
            for name, updates in budget.updates.items()
        ),
    ]
    if trained_groups(chosen) < survey.preset.groups:
        own.append(Choice("classifier.views", chosen.classifier.views, views))
    images = chosen.self_training.images
    if images is not None:
        own.append(Choice("self_training.images", images, LABELLED))
    own = [choice for choice in own if not given.gives(choice.name)]
    names = {choice.name for choice in own}
    return replace(
        budget,
        settings=chosen.changed({choice.name: choice.value for choice in own}),
        choices=(*own, *(choice for choice in budget.choices if choice.name not in names)),
    )
