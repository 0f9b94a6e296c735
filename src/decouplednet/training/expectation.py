"""About how long a run takes, and how much memory."""

from collections.abc import Sequence

from decouplednet.annotations.catalogue import Record
from decouplednet.annotations.images import image_size
from decouplednet.stage_settings import StageSettings
from decouplednet.training.budget import STUDENT_COST
from decouplednet.training.choices import trained_groups
from decouplednet.training.estimate import (
    BYTES_PER_FROZEN_WEIGHT,
    BYTES_PER_TRAINED_WEIGHT,
    OVERHEAD,
    STORE_BYTES,
    TRAINING_PASSES,
    Cost,
)
from decouplednet.training.labels import most_labels
from decouplednet.training.pace import scheduled_updates
from decouplednet.training.plan import Plan
from decouplednet.training.step_size import step_size

BYTES_PER_FEATURE = 2  # kept features are float16
LOOKED_AT = 16  # images whose sizes stand for those of all


def expected_seconds(plan: Plan, operations_per_second: float) -> tuple[float, ...]:
    """Return about how long each stage takes, in seconds.

    Features count to the first stage, and pseudo-masks to the third.

    Args:
        plan: of the run.
        operations_per_second: what the machine reaches, see ``estimate.operations_per_second``.
    """
    cost, settings = plan.cost, plan.settings
    rate = operations_per_second * plan.machine.devices / OVERHEAD
    lowest = plan.preset.groups - trained_groups(settings)
    learn = sum(cost.groups[lowest:]) + cost.head
    kept = sum(cost.groups[:lowest])
    features = len(plan.roles.tags) * settings.classifier.views * kept / rate
    first = features + _stage_seconds(settings.classifier, TRAINING_PASSES * learn / rate)
    second = _stage_seconds(settings.segmenter, _window(plan.window_cost) / rate)
    student = settings.self_training
    if not student.enabled:
        return first, second
    labelling = _labelling(plan) * OVERHEAD / operations_per_second
    labels = labelling if student.minutes is None else 0
    third = _stage_seconds(student, STUDENT_COST * _window(plan.student_cost) / rate)
    return first, second, labels + third


def _window(cost: Cost) -> float:
    """Return the operations of a window of an update of stage 2."""
    return sum(cost.groups) + cost.head + TRAINING_PASSES * cost.segmenter


def _labelling(plan: Plan) -> float:
    """Return the operations of the labels, each image taking its share of all of them.

    Each class takes a pass through the decoder, and several of them one together.
    """
    known = frozenset(plan.classes)
    classes = [len(known & (record.tags or frozenset())) for record in plan.unmasked]
    passes = sum(number + (number > 1) for number in classes)
    cost = plan.cost
    every = len(classes) * (sum(cost.groups) + cost.head) + passes * cost.segmenter
    return every * most_labels(plan.settings.self_training, len(classes)) / max(1, len(classes))


def _stage_seconds(settings: StageSettings, image: float) -> float:
    """Return the seconds of a stage that takes ``image`` seconds an image."""
    if settings.minutes is not None:
        return 60 * settings.minutes
    return scheduled_updates(settings) * settings.images_per_update * image


def expected_bytes(plan: Plan) -> int:
    """Return about how much memory the largest of the stages takes.

    That is weights, gradients, moments and start, activations, kept features and decoded images.

    Raises:
        DataError: an image cannot be read.
    """
    third = student_bytes(plan) if plan.settings.self_training.enabled else 0
    return max(classifier_bytes(plan), segmenter_bytes(plan), third)


def _bytes_per_weight(settings: StageSettings) -> int:
    """Return the memory of a weight that a stage trains: an average is one more copy."""
    averages = BYTES_PER_FROZEN_WEIGHT if settings.average else 0
    return BYTES_PER_TRAINED_WEIGHT + averages


def classifier_bytes(plan: Plan) -> int:
    """Return about how much memory stage 1 takes, see ``expected_bytes``."""
    cost, settings = plan.cost, plan.settings.classifier
    lowest = plan.preset.groups - trained_groups(plan.settings)
    learning = (*cost.group_sizes[lowest:], cost.head_size)
    frozen = (*cost.group_sizes[:lowest], cost.segmenter_size)
    images = step_size(settings, plan.machine.devices)
    features = 0
    if lowest:
        each = cost.group_sizes[lowest - 1].given
        features = BYTES_PER_FEATURE * len(plan.roles.tags) * settings.views * each
    return (
        _bytes_per_weight(settings) * sum(size.weights for size in learning)
        + BYTES_PER_FROZEN_WEIGHT * sum(size.weights for size in frozen)
        + images * sum(size.kept_bytes for size in learning)
        + features
        + store_bytes(plan, plan.roles.tags, channels=3)
    )


def segmenter_bytes(plan: Plan) -> int:
    """Return about how much memory stage 2 takes, see ``expected_bytes``."""
    cost = plan.window_cost
    frozen = (*cost.group_sizes, cost.head_size)
    images = step_size(plan.settings.segmenter, plan.machine.devices)
    return (
        _bytes_per_weight(plan.settings.segmenter) * cost.segmenter_size.weights
        + BYTES_PER_FROZEN_WEIGHT * sum(size.weights for size in frozen)
        + images * cost.segmenter_size.kept_bytes
        + store_bytes(plan, plan.roles.masks, channels=4)
    )


def student_bytes(plan: Plan) -> int:
    """Return about how much memory stage 3 takes, see ``expected_bytes``."""
    cost, settings = plan.student_cost, plan.settings.self_training
    lowest = plan.preset.groups - settings.trained_groups
    learning = (*cost.group_sizes[lowest:], cost.head_size, cost.segmenter_size)
    return (
        _bytes_per_weight(settings) * sum(size.weights for size in learning)
        + BYTES_PER_FROZEN_WEIGHT * sum(size.weights for size in cost.group_sizes[:lowest])
        + step_size(settings, plan.machine.devices) * sum(size.kept_bytes for size in learning)
        + store_bytes(plan, plan.roles.masks, channels=4)
        + store_bytes(plan, _labelled_images(plan), channels=4)
    )


def _labelled_images(plan: Plan) -> Sequence[Record]:
    """Return as many images as are labelled."""
    images = plan.unmasked
    return images[: most_labels(plan.settings.self_training, len(images))]


def store_bytes(plan: Plan, records: Sequence[Record], channels: int) -> int:
    """Return about how much memory decoded images take, in all processes that read them.

    Args:
        plan: of the run.
        records: what is read.
        channels: of each, 3 of an image and 1 of a mask.

    Raises:
        DataError: an image cannot be read.
    """
    some = records[:: max(1, len(records) // LOOKED_AT)]
    pixels = [height * width for height, width in (image_size(one.image) for one in some)]
    decoded = channels * len(records) * sum(pixels) // max(1, len(pixels))
    return max(1, plan.machine.workers) * min(STORE_BYTES, decoded)
