"""The table that is shown before a run: what will be done, with what, and about how long."""

from decouplednet.annotations.roles import Roles
from decouplednet.networks.vgg import GROUPS
from decouplednet.settings import Settings
from decouplednet.training.estimate import duration
from decouplednet.training.plan import Plan, expected_bytes, expected_seconds
from decouplednet.training.stages import TITLES

Row = tuple[str, str]


def describe(plan: Plan, operations_per_second: float, images_per_step: int) -> list[Row]:
    """Return the rows of the table: what, and which or how much.

    Args:
        plan: of the run.
        operations_per_second: what the machine reaches, see ``estimate.operations_per_second``.
        images_per_step: images that stage 2 computes at once.
    """
    return [
        *_data(plan),
        *_network(plan),
        *_schedule(plan.settings),
        *_expected(plan, operations_per_second, images_per_step),
        *_cautions(plan.roles),
    ]


def _data(plan: Plan) -> list[Row]:
    catalogue, roles, data = plan.catalogue, plan.roles, plan.settings.data
    left = "all not held out"
    return [
        ("data", f"{catalogue.root} ({catalogue.layout}), {len(catalogue.records)} images"),
        ("classes", f"{len(plan.classes)}: {', '.join(plan.classes)}; others: {data.others}"),
        ("tags", f"{len(roles.tags)} images ({data.tags_split or left})"),
        ("masks", f"{len(roles.masks)} images ({data.masks_split or left})"),
        (
            "only scored",
            f"{len(roles.validation)} images ({data.validation_split or 'a seeded share'})",
        ),
    ]


def _network(plan: Plan) -> list[Row]:
    classifier, machine = plan.settings.classifier, plan.machine
    return [
        ("preset", f"{plan.preset.name}, side {plan.side} pixels"),
        (
            "convolutions",
            f"start from {classifier.weights}; {classifier.trained_groups} of {GROUPS} groups "
            "learn in stage 1",
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
            f"{classifier.updates} updates of {classifier.images_per_update} images; tags of rare "
            f"classes count up to {classifier.largest_class_weight:g} times",
        ),
        (
            TITLES[1],
            f"{segmenter.updates} updates of {segmenter.images_per_update} windows of "
            f"{segmenter.side or settings.side} pixels",
        ),
    ]


def _expected(plan: Plan, operations_per_second: float, images_per_step: int) -> list[Row]:
    first, second = expected_seconds(plan, operations_per_second)
    gigabytes = expected_bytes(plan, images_per_step) / 10**9
    return [
        (
            "expected",
            f"about {duration(first)} + {duration(second)}, {gigabytes:.1f} GB of memory",
        )
    ]


def _cautions(roles: Roles) -> list[Row]:
    rows = []
    if roles.unlabelled:
        rows.append(("not used", f"{roles.unlabelled} images with neither tags nor mask"))
    if roles.overlapping:
        rows.append(
            ("caution", f"{roles.overlapping} scored images also train: the score will flatter")
        )
    return rows
