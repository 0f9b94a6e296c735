"""The table that is shown before a run: what will be done, with what, and about how long."""

from pathlib import Path

from decouplednet.annotations.roles import Roles
from decouplednet.counts import count
from decouplednet.networks.vgg import GROUPS
from decouplednet.settings import Settings
from decouplednet.training.estimate import duration
from decouplednet.training.expectation import expected_bytes, expected_seconds
from decouplednet.training.plan import Plan, pooling_of, trained_groups
from decouplednet.training.stages import TITLES

Row = tuple[str, str]


def describe(plan: Plan, operations_per_second: float) -> list[Row]:
    """Return the rows of the table: what, and which or how much.

    Args:
        plan: of the run.
        operations_per_second: what the machine reaches, see ``estimate.operations_per_second``.

    Raises:
        DataError: an image cannot be read.
    """
    return [
        *_data(plan),
        *_network(plan),
        *_schedule(plan.settings),
        *_expected(plan, operations_per_second),
        *_cautions(plan.roles),
    ]


def _data(plan: Plan) -> list[Row]:
    catalogue, roles, data = plan.catalogue, plan.roles, plan.settings.data
    left = "all not held out"
    return [
        ("data", f"{catalogue.root} ({catalogue.layout}), {_images(len(catalogue.records))}"),
        ("classes", f"{len(plan.classes)}: {', '.join(plan.classes)}; others: {data.others}"),
        ("tags", f"{_images(len(roles.tags))} ({data.tags_split or left})"),
        ("masks", f"{_images(len(roles.masks))} ({data.masks_split or left})"),
        (
            "only scored",
            f"{_images(len(roles.validation))} ({data.validation_split or 'a seeded share'})",
        ),
    ]


def _network(plan: Plan) -> list[Row]:
    classifier, machine = plan.settings.classifier, plan.machine
    return [
        ("preset", f"{plan.preset.name}, side {plan.side} pixels"),
        (
            "convolutions",
            f"start from {Path(classifier.weights or 'none').name}; "
            f"{classifier.trained_groups} of {GROUPS} groups learn in stage 1",
        ),
        (
            "computes on",
            f"{machine.devices} x {machine.device.type}, {machine.precision_word}, "
            f"seed {plan.settings.seed}",
        ),
    ]


def _schedule(settings: Settings) -> list[Row]:
    classifier, segmenter = settings.classifier, settings.segmenter
    return [
        (
            TITLES[0],
            f"{count(classifier.updates, 'update')} of {_images(classifier.images_per_update)}; "
            f"tags of rare classes count up to {classifier.largest_class_weight:g} times; "
            f"scores pooled by the {pooling_of(classifier)}",
        ),
        (
            TITLES[1],
            f"{count(segmenter.updates, 'update')} of "
            f"{count(segmenter.images_per_update, 'window')} of "
            f"{segmenter.side or settings.side} pixels",
        ),
    ]


def _expected(plan: Plan, operations_per_second: float) -> list[Row]:
    first, second = expected_seconds(plan, operations_per_second)
    frozen = trained_groups(plan.settings) < GROUPS
    kept = ", less where features lie in the cache" if frozen else ""
    gigabytes = expected_bytes(plan) / 10**9
    return [
        (
            "expected",
            f"about {duration(first)} + {duration(second)} beside start and scoring{kept}; "
            f"{gigabytes:.1f} GB of memory",
        )
    ]


def _cautions(roles: Roles) -> list[Row]:
    rows = []
    if roles.unlabelled:
        rows.append(("not used", f"{_images(roles.unlabelled)} with neither tags nor mask"))
    if roles.overlapping:
        rows.append(
            (
                "caution",
                f"scored and trained on: {_images(roles.overlapping)}; the score will flatter",
            )
        )
    return rows


def _images(number: int) -> str:
    return count(number, "image")
