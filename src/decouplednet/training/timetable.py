"""When a run must have ended, and what that leaves each stage."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from decouplednet.annotations.images import image_size, read_image
from decouplednet.annotations.record import Record
from decouplednet.evaluation.evaluate import evaluate_both
from decouplednet.inference.batches import IMAGES_AT_ONCE
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.procedure import procedure_of
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.stage_settings import SelfTrainingSettings, StageSettings
from decouplednet.training.budget import (
    PSEUDO_MASKS,
    SCORINGS,
    after_training,
    rounds_of,
    stage_seconds,
)
from decouplednet.training.fit import effort_of
from decouplednet.training.pace import Clock
from decouplednet.training.plan import Plan
from decouplednet.training.pseudo_masks import known_classes, teacher
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.survey import Numbers

logger = logging.getLogger(__name__)

S = TypeVar("S", bound=StageSettings)
TRIED = 4  # images whose prediction is timed
LOOKED_AT = 32  # images whose sizes stand for those of all
# A model, and weights, gradients' moments and what was learnt of stage 2, at a usual disk's rate.
BYTES_A_WEIGHT, BYTES_A_TRAINED_WEIGHT, BYTES_PER_SECOND = 4, 16, 150e6
LEAST_SECONDS = 1.0


def forget(part: str, seconds: float) -> None:
    """Note nothing."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Times the parts of a run.

    Args:
        clock: by which the run is timed.
        end: its reading when the run and its report must have ended; None: no matter when.
        note: is told the name of a part and the seconds that it took.
        taken: what was noted until now, that of earlier attempts included, in seconds by part.
    """

    clock: Clock = time.perf_counter
    end: float | None = None
    note: Callable[[str, float], None] = forget
    taken: Mapping[str, float] = field(default_factory=dict)

    @contextmanager
    def noted(self, part: str) -> Iterator[None]:
        """Note how long what is done meanwhile took, if it comes to its end."""
        begun = self.clock()
        yield
        self.note(part, self.clock() - begun)


UNTIMED = Watch()


def timed(
    settings: S,
    name: str,
    network: DecoupledNet,
    plan: Plan,
    folder: RunFolder,
    watch: Watch,
    *,
    number: int = 1,
) -> S:
    """Return the settings of a stage that begins now, with the minutes that it may take.

    Of a stage of two rounds, it is a round that begins now, and has its share of them.

    Scoring is timed on a few images, so that what is set aside for it fits this machine.

    Args:
        settings: of the stage; unchanged where they give minutes or the run may take any time.
        name: of the stage.
        network: that will be scored.
        plan: of the run.
        folder: of the run; what earlier attempts took counts as the stage's own time.
        watch: of the run.
        number: of the round, from 1.
    """
    if watch.end is None or settings.minutes is not None:
        return settings
    rounds = rounds_of(name, plan.settings)
    labelled = name == "student"  # the pseudo-masks are there when it begins
    aside = seconds_after_training(network, plan, watch.clock, labelled=labelled)
    earlier = effort_of(folder.checkpoints / rounds[number - 1]).seconds
    before = effort_of(*(folder.checkpoints / one for one in rounds[: number - 1])).seconds
    left = watch.end - watch.clock() - aside + earlier
    whole = stage_seconds(name, plan.settings, left + before)
    seconds = (whole - before) / (len(rounds) - number + 1)
    if seconds < LEAST_SECONDS:
        logger.warning(
            "%s: nothing is left of minutes = %g for this stage, so it makes a single update; the "
            "parts before took longer than expected",
            rounds[number - 1],
            plan.settings.minutes,
        )
    return settings.model_copy(update={"minutes": max(LEAST_SECONDS, seconds) / 60})


def left_by_labels(settings: SelfTrainingSettings, watch: Watch) -> SelfTrainingSettings:
    """Return the settings of stage 3 with what its labels leave of its minutes.

    Args:
        settings: of the stage; unchanged where they give no minutes.
        watch: of the run, after the images were labelled.
    """
    if settings.minutes is None:
        return settings
    seconds = 60 * settings.minutes - watch.taken.get(PSEUDO_MASKS, 0.0)
    if seconds < LEAST_SECONDS:
        logger.warning(
            "student: the pseudo-masks took all of self_training.minutes = %g, so the stage makes "
            "a single update",
            settings.minutes,
        )
    return settings.model_copy(update={"minutes": max(LEAST_SECONDS, seconds) / 60})


def seconds_after_training(
    network: DecoupledNet, plan: Plan, clock: Clock, *, labelled: bool
) -> float:
    """Return about how long all but the stages will take.

    Args:
        network: of the plan.
        plan: of the run.
        clock: by which predictions are timed.
        labelled: whether the images of stage 3 are labelled already.
    """
    parts = after_training(
        plan.settings,
        numbers_of(plan),
        prediction=seconds_per_prediction(network, plan, clock),
        label=0.0 if labelled else seconds_per_label(network, plan, clock),
        saving=saving_seconds(network),
    )
    return sum(parts.values())


def numbers_of(plan: Plan) -> Numbers:
    """Return what there is to learn from and to score.

    Raises:
        DataError: an image cannot be read.
    """
    roles = plan.roles
    some = roles.tags[:: max(1, len(roles.tags) // LOOKED_AT)]
    sides = sorted(max(image_size(record.image)) for record in some)
    return Numbers(
        tagged=len(roles.tags),
        masked=len(roles.masks),
        scored=len(roles.validation),
        calibrated=len(roles.calibration),
        classes=len(plan.classes),
        long_side=sides[len(sides) // 2],
    )


def seconds_per_prediction(network: DecoupledNet, plan: Plan, clock: Clock) -> float:
    """Return how long it takes to read and score an image, with or without its tags given.

    It is half of what both together take, as a run scores them.

    Args:
        network: moved to the run's device; its mode is kept.
        plan: whose images with masks are tried, the first of them only to warm up.
        clock: by which it is timed.

    Raises:
        DataError: none of the images can be read.
    """
    network.to(plan.machine.device)
    predictor = Predictor(
        network=network,
        classes=plan.classes,
        frame=plan.frame,
        device=plan.machine.device,
        procedure=procedure_of(plan.settings.prediction),
    )
    masks = plan.roles.masks
    some = masks[:: max(1, len(masks) // TRIED)][:TRIED]
    evaluate_both(predictor, plan.catalogue, some[:1])
    begun = clock()
    evaluate_both(predictor, plan.catalogue, some)
    return (clock() - begun) / (SCORINGS * len(some))


def seconds_per_label(network: DecoupledNet, plan: Plan, clock: Clock) -> float:
    """Return how long it takes to read and label an image for stage 3; 0 where there is none.

    Args:
        network: moved to the run's device; its mode is kept.
        plan: whose tagged images are tried, the first of them first to warm up.
        clock: by which it is timed.

    Raises:
        DataError: one of the images cannot be read.
    """
    if not plan.settings.self_training.enabled:
        return 0.0
    predictor = teacher(network, plan)
    tagged = [
        (record, known_classes(names, plan.classes))
        for record, names in zip(plan.roles.tags, plan.tags, strict=True)
        if names is not None
    ]
    some = tagged[:: max(1, len(tagged) // IMAGES_AT_ONCE)][:IMAGES_AT_ONCE]

    def label(images: Sequence[tuple[Record, frozenset[str]]]) -> None:
        predictor.predict(
            [read_image(record.image) for record, _ in images], [names for _, names in images]
        )

    label(some[:1])
    begun = clock()
    label(some)
    return (clock() - begun) / len(some)


def saving_seconds(network: DecoupledNet) -> float:
    """Return about how long it takes to write what stage 2 learnt, its checkpoint and the model."""
    every, trained = (
        sum(parameter.numel() for part in parts for parameter in part.parameters())
        for parts in ((network,), (network.bridge, network.decoder))
    )
    return (BYTES_A_WEIGHT * every + BYTES_A_TRAINED_WEIGHT * trained) / BYTES_PER_SECOND
