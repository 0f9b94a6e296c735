"""Runs that have their first stages in common learn them once.

What a stage learnt is kept in a folder beside the runs, under a digest of all that it depends on:
code, settings, weights, classes, images, tags and masks, seed, machine. A run that comes to the
same stage takes it from there, which gives the bits that training it again would give.
"""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load

import decouplednet
from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.files import write_atomically
from decouplednet.errors import DataError, SettingsError, TrainingError
from decouplednet.inference.model_folder import save_model
from decouplednet.report.finished_run import Outcome
from decouplednet.settings import Settings
from decouplednet.training.digests import digests_of
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.run import (
    begin,
    changed_settings,
    continued_facts,
    resumed_settings,
    role_names,
    score,
    train_stages,
)
from decouplednet.training.run_folder import RunFolder, versions
from decouplednet.training.watching import watch_of

LONGEST_NAME = 200  # bytes; systems take 255


def check_run(data: Catalogue, settings: Settings) -> None:
    """Refuse a run that cannot be trained or scored, before anything is trained.

    Args:
        data: the data set.
        settings: of the run.

    Raises:
        SettingsError: the whole run is timed, or no image is kept for scoring.
        UserError: as ``make_plan``.
    """
    _check_untimed(settings)
    if not make_plan(data, settings).roles.validation:
        raise SettingsError("no image is kept for scoring; name some in data.validation_split")


def check_folder_name(name: str, what: str) -> None:
    """Refuse a name that a folder cannot have.

    Args:
        name: of the folder.
        what: it is named after, for the message.

    Raises:
        SettingsError: it is too long.
    """
    length = len(name.encode())
    if length > LONGEST_NAME:
        raise SettingsError(
            f"{what}: the name of its folder would have {length} bytes, expected at most "
            f"{LONGEST_NAME}; choose a shorter name"
        )


def finish(data: Path, folder: Path, settings: Settings, *, store: Path, progress: bool) -> Outcome:
    """Train a run, go on with it, or leave it where it is done; return its scores.

    Args:
        data: the data set's folder.
        folder: of the run.
        settings: of the run; those it began with, if it did.
        store: where stages that were learnt are kept.
        progress: show bars.

    Raises:
        SettingsError: the whole run is timed; or it is done, with other settings.
        DataError: the store is no folder, or the scores of a run that is done are damaged.
        UserError: as ``training.run.train``.
    """
    _check_untimed(settings)
    if store.exists() and not store.is_dir():
        raise DataError(f"{store}: is a file, and a folder of stages belongs there; move it away")
    run = RunFolder(folder)
    if run.metrics.exists():
        _check_unchanged(run, settings)
        return outcome_of(run)
    if run.is_begun():
        settings = resumed_settings(run, settings)
    plan = make_plan(data, settings, progress=progress)
    facts = continued_facts(run, plan) if run.has_facts() else begin(run, plan)
    with run.locked():
        watch = watch_of(plan, run, facts, time.perf_counter, time.perf_counter())
        borrow(plan, run, store)
        segmenter = train_stages(plan, run, facts, watch)
        lend(plan, run, store)
        save_model(run.model, segmenter)
        run.write_json(run.metrics, score(segmenter, plan, watch))
        run.write_json(run.facts, facts)
        run.remove_checkpoints()
    return outcome_of(run)


def outcome_of(run: RunFolder) -> Outcome:
    """Return the scores of a run that is done.

    Raises:
        DataError: they cannot be read, or are damaged.
    """
    try:
        return Outcome.model_validate_json(run.metrics.read_bytes())
    except (OSError, ValidationError):
        raise DataError(
            f"{run.metrics}: not the scores that a run writes; put it back as it was, or remove "
            f"{run.root} to train the run anew"
        ) from None


def _check_untimed(settings: Settings) -> None:
    if settings.minutes is not None:
        raise SettingsError(
            f"minutes = {settings.minutes:g}: a run that takes stages from another one would have "
            "longer for its own; give a recipe with updates, such as recipes/cpu-2h.toml"
        )


def _check_unchanged(run: RunFolder, settings: Settings) -> None:
    changed = changed_settings(run.recorded_settings(), settings)
    if changed:
        raise SettingsError(
            f"{run.root}: was trained with other settings ({', '.join(changed)}); remove that "
            "folder to train the run anew, or give another --out"
        )


def borrow(plan: Plan, run: RunFolder, store: Path) -> None:
    """Put what stages of a run learnt elsewhere where the run looks for it.

    Args:
        plan: of the run.
        run: its folder, locked.
        store: where stages that were learnt are kept.

    Raises:
        TrainingError: what is kept is damaged.
    """
    for stage, key in stage_keys(plan).items():
        kept = store / f"{key}.safetensors"
        if kept.exists() and not run.learnt(stage).exists():
            content = kept.read_bytes()
            try:
                load(content)
            except SafetensorError as fault:
                raise TrainingError(
                    f"{kept}: not a readable safetensors file: {fault}; remove it, and the stage "
                    "is learnt anew"
                ) from None
            write_atomically(run.learnt(stage), content)
            if _belief(kept).exists():
                write_atomically(run.belief, _belief(kept).read_bytes())


def lend(plan: Plan, run: RunFolder, store: Path) -> None:
    """Keep what the stages of a finished run learnt; see ``borrow``."""
    for stage, key in stage_keys(plan).items():
        kept = store / f"{key}.safetensors"
        if not kept.exists():
            if stage == "segmenter" and run.belief.exists():
                write_atomically(_belief(kept), run.belief.read_bytes())
            write_atomically(kept, run.learnt(stage).read_bytes())


def _belief(kept: Path) -> Path:
    """Return what goes with a stage 2: the belief that its first round chose."""
    return kept.with_suffix(".belief.json")


def stage_keys(plan: Plan) -> dict[str, str]:
    """Return for each stage a digest of all that decides what it learns.

    Args:
        plan: of a run.
    """
    settings, machine = plan.settings, plan.machine
    student = settings.self_training
    digests, roles = digests_of(plan), role_names(plan)
    shared = {
        "versions": versions(),
        "code": _code(),
        "device": [machine.device.type, machine.devices, machine.precision_word],
        "classes": list(plan.classes),
        "network": [settings.preset, settings.backbone, plan.frame.model_dump(mode="json")],
        "seed": settings.seed,
        "tags": [roles["tags"], digests["tags"], digests["images"]],
        "classifier": settings.classifier.model_dump(mode="json"),
        "weights": _content(settings.classifier.weights),
    }
    masks = {
        "masks": [roles["masks"], digests["masks"], list(plan.masked_classes)],
        "others": settings.data.others,
        # The belief goes with stage 2, whose first round chooses it.
        "belief": [student.enabled, student.held_out, student.right, student.undenied],
        "segmenter": settings.segmenter.model_dump(mode="json"),
    }
    keys = {"classifier": _digest(shared), "segmenter": _digest(shared | masks)}
    if student.enabled:
        learnt = {"self_training": student.model_dump(mode="json")}
        keys["student"] = _digest(shared | masks | learnt)
    return keys


def _code() -> str:
    """Return a digest of the package's source."""
    files = sorted(Path(decouplednet.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _content(weights: str | None) -> str | None:
    """Return a digest of the file to start from; None where a name stands for the weights."""
    if weights is None or not Path(weights).is_file():
        return None
    return hashlib.sha256(Path(weights).read_bytes()).hexdigest()


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
