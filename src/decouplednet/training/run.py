"""The stages in order, and what a run leaves behind."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from decouplednet.annotations.catalogue import Record
from decouplednet.annotations.files import write_atomically
from decouplednet.errors import TrainingError
from decouplednet.evaluation.evaluate import evaluate_both
from decouplednet.inference.model_folder import FORMAT_VERSION, save_model
from decouplednet.inference.procedure import Procedure, procedure_of
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.progress import bar
from decouplednet.settings import Settings
from decouplednet.training.budget import CALIBRATION, stages_of
from decouplednet.training.calibration import calibrate
from decouplednet.training.choices import with_absolute_paths
from decouplednet.training.classifier import train_classifier
from decouplednet.training.digests import digests_of
from decouplednet.training.former_run import check_format
from decouplednet.training.pace import Clock
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.pseudo_masks import withheld
from decouplednet.training.run_folder import RunFolder, commit, versions
from decouplednet.training.segmenter import train_segmenter
from decouplednet.training.self_training import train_student
from decouplednet.training.start import start_network
from decouplednet.training.timed_plan import plan_within_minutes
from decouplednet.training.timetable import Watch
from decouplednet.training.watching import effort_of_stage, interruption_noted, watch_of

Announce = Callable[[Plan], None]


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run.

    Args:
        folder: where it lies.
        segmenter: the trained model.
        metrics: what ``metrics.json`` holds: scores under ``predicted_tags`` and ``true_tags``;
            empty when no image was kept for scoring.
    """

    folder: Path
    segmenter: Segmenter
    metrics: dict[str, Any]


def train(
    data: Path | str,
    *,
    out: Path | str,
    settings: Settings | None = None,
    minutes: float | None = None,
    resume: bool = False,
    progress: bool = False,
    announce: Announce | None = None,
    clock: Clock = time.perf_counter,
    started: float | None = None,
) -> Run:
    """Train a segmenter from a data set: tags teach the classes, masks teach the regions.

    Args:
        data: the data set's folder.
        out: the run's folder; new or empty, unless ``resume``.
        settings: of the run; None: the defaults, or with ``resume`` those the run began with.
        minutes: time that the run and the report about it may take, in place of that of the
            settings; what they leave open is chosen to fit.
        resume: go on with the run that lies in ``out`` from its last checkpoint; the result is
            that of a run without interruption, or what the rest of its minutes allows.
        progress: show bars.
        announce: called once with what will be done, before anything is trained.
        clock: what minutes are measured by.
        started: what the clock showed when the run began; None: now.

    Raises:
        DataError: the data set cannot be used.
        SettingsError: settings do not fit together, differ from those the run began with, or give
            too few minutes.
        ModelError: the weights to start from cannot be read.
        DeviceError: the device asked for is absent.
        TrainingError: ``out`` is in use, or the training had to stop.
    """
    started = clock() if started is None else started
    folder = RunFolder(Path(out))
    if minutes is not None:
        before = folder.recorded_settings() if resume else Settings()
        settings = (settings or before).changed({"minutes": minutes})
    if resume:
        settings = resumed_settings(folder, settings)
    else:
        folder.check_unused()
    settings = settings or Settings()
    plan = make_plan(Path(data), settings, progress=progress)
    if settings.minutes is not None and not resume:
        plan = plan_within_minutes(plan, settings, clock, started)
    if announce:
        announce(plan)
    facts = continued_facts(folder, plan) if folder.has_facts() else begin(folder, plan)
    with folder.locked():
        watch = watch_of(plan, folder, facts, clock, started)
        with interruption_noted(plan, folder, facts, watch):
            segmenter = train_stages(plan, folder, facts, watch)
            save_model(folder.model, segmenter)
            metrics = score(segmenter, plan, watch)
        folder.write_json(folder.metrics, metrics)
        folder.write_json(folder.facts, facts)
        folder.remove_checkpoints()
    return Run(folder.root, segmenter, metrics)


def resumed_settings(folder: RunFolder, given: Settings | None) -> Settings:
    """Return the settings to go on with: those the run began with, on the device given now.

    Raises:
        TrainingError: no run lies there, it is complete, or other settings are given now.
    """
    recorded = folder.recorded_settings()
    if recorded.data.masks_classes and recorded.segmenter.saliency_dropout is None:
        # What runs choose they write; earlier versions had no such choice, and dropped nothing.
        recorded = recorded.changed({"segmenter.saliency_dropout": 0.0})
    if folder.metrics.exists():
        raise TrainingError(
            f"{folder.root}: that run is complete; its model is {folder.model}, and a longer "
            "training is a new run in another folder"
        )
    if given is None:
        return recorded
    changed = changed_settings(recorded, given)
    if changed:
        raise TrainingError(
            f"{folder.root}: a run is resumed with the settings that it began with; "
            f"different now: {', '.join(changed)}"
        )
    return recorded.model_copy(update={"compute": given.compute})


def changed_settings(before: Settings, now: Settings) -> list[str]:
    """Return the names of settings that give another result now, such as ``segmenter.updates``.

    Where it is computed does not count, and what is left to be chosen now differs from nothing.
    """
    given = with_absolute_paths(now).model_dump(exclude={"compute"}, exclude_unset=True)
    return _differences(with_absolute_paths(before).model_dump(), given)


def _differences(old: dict[str, Any], new: dict[str, Any], section: str = "") -> list[str]:
    """Return the names under which two models differ, with the names of their sections."""
    names = []
    for key, value in new.items():
        if isinstance(value, dict):
            names += _differences(old[key], value, f"{section}{key}.")
        elif value is not None and value != old[key]:
            names.append(f"{section}{key}")
    return names


def begin(folder: RunFolder, plan: Plan) -> dict[str, Any]:
    """Write what the run is, before it trains; return the facts.

    The settings come first: a run that was interrupted after them is resumed, and one before them
    left nothing.
    """
    facts: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "data": str(plan.catalogue.root.resolve()),
        "seed": plan.settings.seed,
        "versions": versions(),
        "commit": commit(),
        "classes": list(plan.classes),
        "roles": role_names(plan),
        "digests": digests_of(plan),
        "device": plan.machine.device.type,
        "precision": plan.machine.precision_word,
        "seconds": {},
        "updates": {},
    }
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise TrainingError(f"{folder.root}: cannot be made: {fault.strerror}") from None
    write_atomically(folder.settings, plan.settings.to_toml().encode())
    folder.write_json(folder.facts, facts)
    return facts


def continued_facts(folder: RunFolder, plan: Plan) -> dict[str, Any]:
    """Return the facts of the run that goes on.

    Raises:
        TrainingError: the data set gives other images, tags, masks or classes than when the run
            began, or its preset meant another network then.
    """
    facts = folder.read_facts()
    check_format(facts, folder)
    digests = facts.get("digests")
    before = facts | (digests if isinstance(digests, dict) else {})
    now = {"classes": list(plan.classes), "roles": role_names(plan)} | digests_of(plan)
    for name, value in now.items():
        if before.get(name) != value:
            raise TrainingError(
                f"{folder.root}: the {name} of {plan.catalogue.root} are not those the run began "
                "with; put the data back as they were, or start anew in another folder"
            )
    return facts


def role_names(plan: Plan) -> dict[str, list[str]]:
    """Return the names of the images in each role."""

    def names(records: Iterable[Record]) -> list[str]:
        return [record.name for record in records]

    roles = plan.roles
    return {
        "tags": names(roles.tags),
        "masks": names(roles.masks),
        "validation": names(roles.validation),
        "calibration": names(roles.calibration),
    }


def train_stages(plan: Plan, folder: RunFolder, facts: dict[str, Any], watch: Watch) -> Segmenter:
    """Return the model after all stages, which go on from what lies in the folder.

    Args:
        plan: of the run.
        folder: of the run, begun and locked.
        facts: of the run; how long each stage took is noted in them and in their file.
        watch: of the run, as from ``watch_of``.

    Raises:
        UserError: as ``train``.
    """
    network = start_network(plan)
    stages = {
        "classifier": train_classifier,
        "segmenter": train_segmenter,
        "student": train_student,
    }
    for name in stages_of(plan.settings):
        stages[name](network, plan, folder, watch)
        if folder.belief.exists():
            facts["belief"] = folder.read_belief(plan.classes)
        if name not in facts["seconds"]:
            effort = effort_of_stage(name, plan, folder)
            facts.setdefault("updates", {})[name] = effort.updates
            if effort.waiting is not None:
                facts.setdefault("waiting", {})[name] = round(effort.waiting, 3)
            watch.note(name, effort.seconds)
    return _segmenter(network, plan, facts, watch)


def _segmenter(network: DecoupledNet, plan: Plan, facts: dict[str, Any], watch: Watch) -> Segmenter:
    """Return the trained network as a model, probabilities and thresholds as asked for."""
    settings, roles = plan.settings, plan.roles
    segmenter = Segmenter(
        network=network,
        classes=plan.classes,
        frame=plan.frame,
        preset=plan.preset.name,
        training={
            "others": settings.data.others,
            "tagged_images": len(roles.tags),
            "masked_images": len(roles.masks),
            **_without_masks(plan),
            "seed": settings.seed,
            "weights": Path(settings.classifier.weights or "none").name,
            **_backbone_name(settings),
            "updates": facts.get("updates", {}),
            "versions": versions(),
        },
        procedure=_procedure(plan),
    )
    if not roles.calibration:
        return segmenter
    network.to(plan.machine.device)  # after a stage it lies in the memory of the processor
    with watch.noted(CALIBRATION):
        return replace(segmenter, procedure=calibrate(segmenter.predictor(), plan))


def _procedure(plan: Plan) -> Procedure:
    """Return how the model predicts, before anything is calibrated."""
    found = procedure_of(plan.settings.prediction)
    return found.model_copy(update={"withheld": withheld(plan)})


def _without_masks(plan: Plan) -> dict[str, list[str]]:
    """Return the classes that were learnt from tags alone; nothing where there are none."""
    names = plan.classes_without_masks
    return {"classes_without_masks": list(names)} if names else {}


def _backbone_name(settings: Settings) -> dict[str, str]:
    """Return what a backbone is called, on the hub or as a folder; nothing without one."""
    given = settings.backbone
    if given is None:
        return {}
    return {"backbone": Path(given).name if Path(given).is_absolute() else given}


def score(segmenter: Segmenter, plan: Plan, watch: Watch) -> dict[str, Any]:
    """Return the scores on the images kept for scoring, with predicted and with true tags.

    They are computed in float32 whatever the training was, as ``decouplednet evaluate`` does.
    """
    if not plan.roles.validation:
        return {}
    segmenter.network.to(plan.machine.device)
    predictor = segmenter.predictor()
    with watch.noted("scores"):
        predicted, told = evaluate_both(
            predictor,
            plan.catalogue,
            plan.roles.validation,
            progress=bar("scores", quiet=not plan.machine.progress),
        )
    return {"predicted_tags": predicted.to_json(), "true_tags": told.to_json()}
