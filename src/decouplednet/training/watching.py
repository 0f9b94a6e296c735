"""The time of a run over all of its attempts: what was noted of it, and what is left."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from decouplednet.errors import UserError
from decouplednet.training.budget import rounds_of, stages_of
from decouplednet.training.fit import Effort, effort_of
from decouplednet.training.pace import Clock
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.timetable import Watch

INTERRUPTED = "interrupted"  # the part of a timed run that was done in vain


def watch_of(
    plan: Plan, folder: RunFolder, facts: dict[str, Any], clock: Clock, started: float
) -> Watch:
    """Return what times a run, and notes what its parts take.

    Args:
        plan: of the run; its minutes count what earlier attempts took.
        folder: of the run.
        facts: where seconds are noted, and written to the folder.
        clock: by which the run is timed.
        started: its reading when this attempt began.
    """

    def note(part: str, seconds: float) -> None:
        facts["seconds"][part] = round(facts["seconds"].get(part, 0.0) + seconds, 1)
        folder.write_json(folder.facts, facts)

    minutes = plan.settings.minutes
    if minutes is None:
        return Watch(clock, note=note, taken=facts["seconds"])
    earlier = _seconds_noted(plan, folder, facts)
    note("start", clock() - started)
    end = started + 60 * minutes - earlier
    return Watch(clock, end=end, note=note, taken=facts["seconds"])


def _seconds_noted(plan: Plan, folder: RunFolder, facts: dict[str, Any]) -> float:
    """Return what all attempts took, as far as facts and checkpoints say."""
    unfinished = (name for name in stages_of(plan.settings) if name not in facts["seconds"])
    attempted = sum(effort_of_stage(name, plan, folder).seconds for name in unfinished)
    return float(sum(facts["seconds"].values()) + attempted)


@contextmanager
def interruption_noted(
    plan: Plan, folder: RunFolder, facts: dict[str, Any], watch: Watch
) -> Iterator[None]:
    """Note what a timed run that is stopped meanwhile did since its last checkpoint or part.

    It is lost, and yet took time. A run that is killed outright cannot note it.

    Args:
        plan: of the run.
        folder: of the run.
        facts: of the run.
        watch: of the run.
    """
    try:
        yield
    except BaseException:
        minutes = plan.settings.minutes
        if minutes is not None and watch.end is not None:
            gone = 60 * minutes - (watch.end - watch.clock())
            with suppress(UserError):  # told of when the run goes on
                lost = gone - _seconds_noted(plan, folder, facts)
                watch.note(INTERRUPTED, max(0.0, lost))
        raise


def effort_of_stage(name: str, plan: Plan, folder: RunFolder) -> Effort:
    """Return what a stage took until now, all of its rounds.

    Args:
        name: of the stage.
        plan: of the run.
        folder: of the run.

    Raises:
        TrainingError: a checkpoint is damaged.
    """
    return effort_of(*(folder.checkpoints / one for one in rounds_of(name, plan.settings)))
