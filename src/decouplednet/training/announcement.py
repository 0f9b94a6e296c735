"""The table that is shown before a run: what will be done, with what, and about how long."""

from pathlib import Path

from decouplednet.counts import count
from decouplednet.inference.procedure import procedure_of
from decouplednet.training.budget import stages_of
from decouplednet.training.choices import trained_groups
from decouplednet.training.estimate import duration
from decouplednet.training.expectation import expected_bytes, expected_seconds
from decouplednet.training.labels import most_labels
from decouplednet.training.pace import scheduled_updates
from decouplednet.training.plan import Plan
from decouplednet.training.pooling import pooling_of
from decouplednet.training.stages import TITLES
from decouplednet.training.timed_plan import lost_to_third_stage

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
        *_schedule(plan),
        ("prediction", _prediction(plan)),
        _expected(plan, operations_per_second),
        *(("chosen", str(choice)) for choice in plan.choices),
        *_cautions(plan),
    ]


def _data(plan: Plan) -> list[Row]:
    catalogue, roles, data = plan.catalogue, plan.roles, plan.settings.data
    left = "all not held out"
    without = plan.classes_without_masks
    return [
        ("data", f"{catalogue.root} ({catalogue.statement}), {_images(len(catalogue.records))}"),
        ("classes", f"{len(plan.classes)}: {', '.join(plan.classes)}; others: {data.others}"),
        ("tags", f"{_images(len(roles.tags))} ({data.tags_split or left})"),
        ("masks", f"{_images(len(roles.masks))} ({data.masks_split or left})"),
        (
            "only scored",
            f"{_images(len(roles.validation))} ({data.validation_split or 'a seeded share'})",
        ),
        *([("only calibrate", _images(len(roles.calibration)))] if roles.calibration else []),
        *([("no mask learnt", ", ".join(without))] if without else []),
    ]


def _network(plan: Plan) -> list[Row]:
    classifier, machine = plan.settings.classifier, plan.machine
    return [
        ("preset", f"{plan.preset.name}, side {plan.side} pixels"),
        (
            "convolutions",
            f"start from {Path(classifier.weights or 'none').name}; "
            f"{classifier.trained_groups} of {plan.preset.groups} groups learn in stage 1",
        ),
        (
            "computes on",
            f"{machine.devices} x {machine.device.type}, {machine.precision_word}, "
            f"seed {plan.settings.seed}",
        ),
    ]


def _schedule(plan: Plan) -> list[Row]:
    classifier, segmenter = plan.settings.classifier, plan.settings.segmenter
    return [
        (
            TITLES[0],
            f"{_updates('classifier', plan)} of {_images(classifier.images_per_update)}; "
            f"tags of rare classes count up to {classifier.largest_class_weight:g} times; "
            f"scores pooled by the {pooling_of(classifier)}",
        ),
        (
            TITLES[1],
            f"{_updates('segmenter', plan)} of "
            f"{count(segmenter.images_per_update, 'window')} of {plan.window_side} pixels",
        ),
        *([_third(plan)] if plan.settings.self_training.enabled else []),
    ]


def _third(plan: Plan) -> Row:
    student, images = plan.settings.self_training, len(plan.unmasked)
    return (
        TITLES[2],
        f"{_updates('student', plan)} of {count(student.images_per_update, 'window')} of "
        f"{plan.student_side} pixels; {student.trained_groups} of {plan.preset.groups} groups of "
        f"convolutions learn; {_images(most_labels(student, images))} labelled"
        + ("" if images else ", as every tagged image has a mask"),
    )


def _prediction(plan: Plan) -> str:
    """Return how the model will predict; thresholds that are chosen later are not known yet."""
    settings = plan.settings.prediction
    chosen_later = settings.threshold_choice == "calibrated"
    above = "thresholds of their own" if chosen_later else None
    return procedure_of(settings).in_words(above=above)


def _updates(name: str, plan: Plan) -> str:
    """Return how many updates a stage makes, or how long it makes them."""
    stage, budget = stages_of(plan.settings)[name], plan.budget
    if budget is not None:
        made = count(round(budget.updates[name]), "update")
        return f"about {made} in {duration(budget.seconds[name])}"
    if stage.minutes is not None:
        return f"updates for {duration(60 * stage.minutes)}"
    if plan.settings.minutes is not None:
        return "updates as the time allows"
    return count(scheduled_updates(stage), "update")


def _expected(plan: Plan, operations_per_second: float) -> Row:
    time = _expected_time(plan, operations_per_second)
    return "expected", f"{time}; {expected_bytes(plan) / 10**9:.1f} GB of memory"


def _expected_time(plan: Plan, operations_per_second: float) -> str:
    """Return how long the run will take, by part where those were tried out."""
    settings, budget = plan.settings, plan.budget
    if budget is not None:
        parts = (f"{part} {duration(seconds)}" for part, seconds in budget.seconds.items())
        return f"{settings.minutes:g} min: {', '.join(parts)}"
    if settings.minutes is not None:
        return f"{settings.minutes:g} min, those of earlier attempts included"
    stages = " + ".join(map(duration, expected_seconds(plan, operations_per_second)))
    frozen = trained_groups(settings) < plan.preset.groups
    kept = ", less where features lie in the cache" if frozen else ""
    return f"about {stages} beside start and scoring{kept}"


def _cautions(plan: Plan) -> list[Row]:
    rows, roles, lost = [], plan.roles, lost_to_third_stage(plan)
    if roles.unlabelled:
        rows.append(("not used", f"{_images(roles.unlabelled)} with neither tags nor mask"))
    if roles.overlapping:
        rows.append(
            (
                "caution",
                f"scored and trained on: {_images(roles.overlapping)}; the score will flatter",
            )
        )
    if lost and plan.settings.self_training.enabled:
        rows.append(("caution", f"{lost}; self_training.enabled=false leaves it out"))
    return rows


def _images(number: int) -> str:
    return count(number, "image")
