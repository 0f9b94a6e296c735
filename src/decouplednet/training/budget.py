"""How the minutes that a run was given are divided among its parts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from decouplednet.errors import SettingsError
from decouplednet.settings import Settings
from decouplednet.stage_settings import StageSettings
from decouplednet.training.choices import Choice, mask_updates, tag_updates, trained_groups
from decouplednet.training.labels import drawn_in_time, most_labels
from decouplednet.training.survey import Numbers, Survey

# How the stages divide what features, scores and report leave, in their order.
SHARES = {"classifier": 0.2, "segmenter": 0.8}
SHARES_OF_THREE = {"classifier": 0.15, "segmenter": 0.15, "student": 0.7}
# A budget fits when each stage makes this share of the updates that it would make without minutes,
ENOUGH = 0.5
# and everything beside the stages takes at most this share of the time.
MOST_BESIDE = 0.4
# The last update may end late, and so may take no more than a tenth of its stage.
LEAST_UPDATES = 10
# Those of recipes/cpu-2h.toml, of which half do, see ENOUGH: a line between 641, with which three
# stages scored no more than two, and 1,400; docs/explanation/what-was-tried.md, "In half an hour".
LEAST_STUDENT_UPDATES = 1400
# A window of stage 3 beside one of stage 2 of the same size, convolutions learning too: measured
# for preset skip with three groups, on a CPU.
STUDENT_COST = 1.6
SCORINGS = 2  # with predicted and with true tags, both at once
# The report: its charts, the images that it predicts, and those of which it shows activation maps,
# which take encoder and bridge and no decoder.
REPORT_SECONDS = 8.0
REPORT_IMAGES, REPORT_MAPS_A_CLASS = 14, 16
MAP_SHARE = 0.4
# Where the settings of each stage stand.
SECTIONS = {"classifier": "classifier", "segmenter": "segmenter", "student": "self_training"}
PSEUDO_MASKS = "pseudo-masks"  # the part between stages 2 and 3
CALIBRATION = "calibration"  # the part after the last stage, where images are kept for it


@dataclass(frozen=True, slots=True)
class Budget:
    """How the time of a run is divided.

    Args:
        settings: with nothing left to choose.
        choices: what was left open, and why it became what it is.
        seconds: of each part of the run, in their order; ``start`` is over already.
        updates: of each stage, about.
        least: fewest minutes in which these settings can be trained, with as few labels as may be.
        fits: whether each stage makes enough updates, and the rest leaves them the time.
    """

    settings: Settings
    choices: tuple[Choice, ...]
    seconds: Mapping[str, float]
    updates: Mapping[str, float]
    least: float
    fits: bool

    def check(self) -> None:
        """Refuse a time that is too short to train in.

        Raises:
            SettingsError: it is; the message says the least that would do.
        """
        minutes = self.settings.minutes or 0.0
        if minutes < self.least:
            stages = stages_of(self.settings)
            beside = sum(seconds for part, seconds in self.seconds.items() if part not in stages)
            raise SettingsError(
                f"minutes = {minutes:g}: all but the training takes about {beside / 60:.1f} "
                f"minutes here, and each stage needs time for {LEAST_UPDATES} updates; give at "
                f"least {math.ceil(10 * self.least) / 10:g} minutes, or fewer images to learn "
                "from or to score"
            )


def stages_of(settings: Settings) -> Mapping[str, StageSettings]:
    """Return the settings of each stage, in their order."""
    stages = {"classifier": settings.classifier, "segmenter": settings.segmenter}
    return stages | ({"student": settings.self_training} if settings.self_training.enabled else {})


def rounds_of(name: str, settings: Settings) -> tuple[str, ...]:
    """Return the names of the optimisations that a stage is made of; the last has the stage's own.

    Before a stage 3, stage 2 has two rounds: one without the masks by which the belief in
    pseudo-masks is chosen, and one with all masks.

    >>> settings = Settings(self_training={"enabled": True})
    >>> rounds_of("segmenter", settings), rounds_of("student", settings)
    (('segmenter-1', 'segmenter'), ('student',))

    Args:
        name: of the stage.
        settings: of the run.
    """
    two = name == "segmenter" and settings.self_training.enabled
    return (f"{name}-1", name) if two else (name,)


def shares_of(settings: Settings) -> Mapping[str, float]:
    """Return how the stages divide what features, pseudo-masks, scores and report leave."""
    return SHARES_OF_THREE if settings.self_training.enabled else SHARES


def stage_seconds(name: str, settings: Settings, left: float) -> float:
    """Return how much of the time a stage gets, when it begins.

    Args:
        name: of the stage.
        settings: ``minutes`` that they give to a stage are kept.
        left: seconds for this stage and those after it.

    Returns:
        Seconds, below zero where ``left`` is.
    """
    shares = shares_of(settings)
    later = list(shares)[list(shares).index(name) :]
    given = {stage: stages_of(settings)[stage].minutes for stage in later}
    own = given[name]
    if own is not None:
        return 60 * own
    left -= 60 * sum(minutes or 0 for minutes in given.values())
    return left * shares[name] / sum(shares[stage] for stage in later if given[stage] is None)


def after_training(
    settings: Settings, numbers: Numbers, *, prediction: float, label: float, saving: float
) -> Mapping[str, float]:
    """Return what the parts of a run after its training take, in seconds.

    Args:
        settings: of the run.
        numbers: of the images and classes.
        prediction: seconds to predict one image.
        label: seconds to label one image for stage 3; 0 where that is done.
        saving: seconds to write what was learnt.
    """
    segmenter = settings.segmenter
    images = segmenter.images_per_step or segmenter.images_per_update
    pictures = REPORT_IMAGES + MAP_SHARE * REPORT_MAPS_A_CLASS * numbers.classes
    student = settings.self_training
    labelling = {PSEUDO_MASKS: most_labels(student, numbers.tagged) * label}
    # Minutes that stage 3 is given are also those of its labels.
    labels = labelling if student.enabled and student.minutes is None else {}
    kept = numbers.calibrated
    calibration = {CALIBRATION: kept * prediction} if kept else {}
    return (
        labels
        | calibration
        | {
            "saving": saving + segmenter.statistics_batches * images * prediction,
            "scores": SCORINGS * numbers.scored * prediction,
            "report": REPORT_SECONDS + pictures * prediction,
        }
    )


def divide(settings: Settings, choices: tuple[Choice, ...], survey: Survey) -> Budget:
    """Return how the minutes of a run are divided among its parts.

    Args:
        settings: with ``minutes``, and nothing left to choose.
        choices: made until now.
        survey: what is known.
    """
    numbers, begun = survey.numbers, survey.begun
    update = _update_seconds(settings, survey)
    least = _least_seconds(settings, survey, update)
    settings = _with_fewer_labels(settings, survey, update)
    beside = _seconds_beside(settings, survey)
    total, taken = 60 * (settings.minutes or 0.0), begun + sum(beside.values())
    wanted = {
        "classifier": tag_updates(numbers.tagged, settings.classifier.images_per_update),
        "segmenter": mask_updates(numbers.masked, settings.segmenter.images_per_update),
        "student": LEAST_STUDENT_UPDATES,
    }
    left, stages = total - taken, dict[str, float]()
    for name in stages_of(settings):
        stages[name] = max(0.0, stage_seconds(name, settings, left))
        left -= stages[name]
    updates = {name: stages[name] / update[name] for name in stages}
    enough = all(updates[name] >= ENOUGH * wanted[name] for name in stages)
    first = {"start": begun, "features": beside.pop("features")}
    return Budget(
        settings=settings,
        choices=choices,
        seconds=first | stages | beside,
        updates=updates,
        least=least / 60,
        fits=enough and taken <= MOST_BESIDE * total,
    )


def _least_seconds(settings: Settings, survey: Survey, update: Mapping[str, float]) -> float:
    """Return the fewest seconds of a run, in which one image is labelled unless told."""
    if settings.self_training.images is None:
        settings = settings.changed({"self_training.images": 1})
    beside = sum(_seconds_beside(settings, survey).values())
    return survey.begun + beside + least_training(settings, update)


def _with_fewer_labels(settings: Settings, survey: Survey, update: Mapping[str, float]) -> Settings:
    """Return settings in which stage 3 labels as many images as it has the time to draw.

    The labels leave each stage the time for its fewest updates.
    """
    student, spare = settings.self_training, math.inf
    if not student.enabled or student.images is not None:
        return settings
    label, tagged = survey.speed.label.seconds(_growth(settings, survey)), survey.numbers.tagged
    if student.minutes is not None:
        left, share = 60 * student.minutes, 1.0
    else:
        given = {name: stage.minutes for name, stage in stages_of(settings).items()}
        beside = _seconds_beside(settings, survey)
        fixed = sum(beside.values()) - beside[PSEUDO_MASKS] + survey.begun
        free = 60 * (settings.minutes or 0.0) - fixed
        left = free - 60 * sum(minutes or 0.0 for minutes in given.values())
        spare = free - least_training(settings, update)
        shares = shares_of(settings)
        share = shares["student"] / sum(shares[name] for name in given if given[name] is None)
    images = drawn_in_time(
        student, left=left, share=share, label=label, update=update["student"], spare=spare
    )
    return settings.changed({"self_training.images": images}) if images < tagged else settings


def _growth(settings: Settings, survey: Survey) -> float:
    """Return how much larger a frame is than the one that was tried, in pixels."""
    return ((settings.side or survey.speed.side) / survey.speed.side) ** 2


def _update_seconds(settings: Settings, survey: Survey) -> Mapping[str, float]:
    """Return the seconds of one update of each stage."""
    speed, classifier, segmenter = survey.speed, settings.classifier, settings.segmenter
    preset = survey.preset
    side = settings.side or speed.side
    if trained_groups(settings) < preset.groups:  # the head decides: where its kernel fits
        now, tried = (pixels // preset.stride - preset.kernel + 1 for pixels in (side, speed.side))
    else:
        now, tried = side, speed.side
    window_growth = ((segmenter.side or side) / speed.window_side) ** 2
    student = settings.self_training
    student_growth = ((student.side or segmenter.side or side) / speed.window_side) ** 2
    devices = settings.compute.devices
    return {
        "classifier": classifier.images_per_update
        * speed.tags.seconds((now / tried) ** 2)
        / devices,
        "segmenter": segmenter.images_per_update * speed.masks.seconds(window_growth) / devices,
        "student": STUDENT_COST
        * student.images_per_update
        * speed.masks.seconds(student_growth)
        / devices,
    }


def _seconds_beside(settings: Settings, survey: Survey) -> dict[str, float]:
    """Return the seconds of each part beside the stages that is still to come."""
    numbers, speed, views = survey.numbers, survey.speed, settings.classifier.views
    side, growth = settings.side or speed.side, _growth(settings, survey)
    features = 0.0
    if trained_groups(settings) < survey.preset.groups:
        seen = numbers.tagged * survey.missing(side, views) * views
        features = seen * speed.view.seconds(growth)
    after = after_training(
        settings,
        numbers,
        prediction=speed.prediction.seconds(growth),
        label=speed.label.seconds(growth),
        saving=speed.saving,
    )
    return {"features": features, **after}


def least_training(settings: Settings, update: Mapping[str, float]) -> float:
    """Return the fewest seconds in which every round of a stage makes ``LEAST_UPDATES``."""
    given = {name: stage.minutes for name, stage in stages_of(settings).items()}
    share_of = shares_of(settings)
    divided = [name for name in given if given[name] is None]
    shares = sum(share_of[name] for name in divided)
    least = {name: LEAST_UPDATES * len(rounds_of(name, settings)) for name in divided}
    longest = (least[name] * update[name] * shares / share_of[name] for name in divided)
    return max(longest, default=0.0) + 60 * sum(minutes or 0 for minutes in given.values())
