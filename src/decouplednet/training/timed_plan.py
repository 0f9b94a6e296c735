"""The plan of a run that was given minutes: tried out, chosen to fit, and divided."""

from contextlib import suppress
from dataclasses import replace

import torch

from decouplednet.errors import SettingsError, TrainingError
from decouplednet.settings import Settings
from decouplednet.training.budget import Budget
from decouplednet.training.choices import Choice
from decouplednet.training.classifier import share_missing
from decouplednet.training.pace import Clock
from decouplednet.training.plan import Plan, replanned
from decouplednet.training.start import start_network
from decouplednet.training.survey import Survey
from decouplednet.training.timetable import numbers_of
from decouplednet.training.trial import try_out
from decouplednet.training.within_minutes import fit_to_minutes


def plan_within_minutes(plan: Plan, given: Settings, clock: Clock, started: float) -> Plan:
    """Return the plan with all that was left open chosen so that the run fits its minutes.

    Args:
        plan: of the same run, chosen without a look at the time.
        given: its settings before anything was chosen, with ``minutes``.
        clock: by which the run is timed.
        started: what it showed when the run began.

    Raises:
        DataError: an image or mask cannot be read.
        SettingsError: the minutes are too few.
        TrainingError: memory ran out.
    """
    budget = _best_budget(plan, given, clock, started)
    budget.check()
    timed = replanned(plan, budget.settings)
    return replace(timed, budget=budget, choices=budget.choices)


def presets_to_try(given: Settings, device: torch.device) -> tuple[Choice, ...]:
    """Return the presets that suit a device, the best one first; the given one alone if any."""
    if given.gives("preset"):
        return (Choice("preset", given.preset, "given"),)
    if device.type == "cpu":
        return (Choice("preset", "light", "no GPU computes"),)
    return (
        Choice("preset", "vgg16", "a GPU computes, and leaves it enough memory and time"),
        Choice("preset", "light", "preset vgg16 would need more memory or time"),
    )


def _best_budget(plan: Plan, given: Settings, clock: Clock, started: float) -> Budget:
    *better, last = presets_to_try(given, plan.machine.device)
    for preset in better:
        with suppress(SettingsError, TrainingError):  # too small a side was given; memory ran out
            budget = _budget(preset, plan, given, clock, started)
            if budget.fits:
                return budget
    return _budget(last, plan, given, clock, started)


def _budget(preset: Choice, plan: Plan, given: Settings, clock: Clock, started: float) -> Budget:
    settings = given.changed({"preset": preset.value})
    tried = replanned(plan, settings)
    network = start_network(tried)
    missing = share_missing(network, tried)
    speed = try_out(network, tried, clock)
    survey = Survey(numbers_of(plan), speed, tried.preset, missing, clock() - started)
    budget = fit_to_minutes(settings, survey)
    chosen = () if given.gives("preset") else (preset,)
    return replace(budget, choices=(*chosen, *budget.choices))
