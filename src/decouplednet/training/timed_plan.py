"""The plan of a run that was given minutes: tried out, chosen to fit, and divided."""

from contextlib import suppress
from dataclasses import replace

from decouplednet.errors import SettingsError, TrainingError
from decouplednet.progress import notice
from decouplednet.settings import Settings
from decouplednet.training.budget import Budget
from decouplednet.training.choices import Choice
from decouplednet.training.classifier import share_missing
from decouplednet.training.pace import Clock
from decouplednet.training.plan import Plan, check_step, replanned
from decouplednet.training.segmenter import split_for_segmenter
from decouplednet.training.start import start_network
from decouplednet.training.survey import Survey
from decouplednet.training.timetable import numbers_of
from decouplednet.training.trial import try_out
from decouplednet.training.within_minutes import fit_to_minutes

# What scored best on photographs, see docs/reference/results.md: a preset with a stage 3, and with
# these ways to predict, as in recipes/cpu-2h.toml.
BEST = "skip"
VETO, FLIP, THRESHOLD = "soft", True, 0.2


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
    with notice("trying out how fast this machine is", quiet=not plan.machine.progress):
        budget = _best_budget(plan, given, clock, started)
    budget.check()
    timed = replanned(plan, budget.settings)
    return replace(timed, budget=budget, choices=(*budget.choices, *timed.choices))


def presets_to_try(given: Settings) -> tuple[Choice, ...]:
    """Return the presets that are worth trying, the best one first; the given one alone if any."""
    if given.gives("preset"):
        return (Choice("preset", given.preset, "given"),)
    return (
        Choice("preset", BEST, "scored best on photographs"),
        Choice("preset", "light", f"preset {BEST} would need more memory or time"),
    )


def ways_to_train(
    given: Settings, preset: Choice, *, against: str | None
) -> tuple[tuple[Choice, ...], ...]:
    """Return what may be chosen together with a preset, the best way to train it first.

    Of any preset but the best one nothing more is chosen: it was not measured.

    Args:
        given: of the run; what they give is kept, and no choice.
        preset: that is tried.
        against: why no stage 3 is chosen, see ``against_third_stage``; None: the time decides.
    """
    if preset.value != BEST:
        return (_left_open(given, preset),)
    name = "self_training.enabled"
    stages = (
        (
            Choice(name, True, "the time allows stage 3"),
            Choice(name, False, "the time is too short for stage 3"),
        )
        if against is None
        else (Choice(name, False, against),)
    )
    predicted = _prediction_choices(given)
    ways = (_left_open(given, preset, choice, *predicted) for choice in stages)
    return tuple(dict.fromkeys(ways))  # a stage 3 that is given is no choice: one way remains


def against_third_stage(plan: Plan) -> str | None:
    """Return why no stage 3 is chosen whatever the time; None where it may be.

    It would have nothing to label or nothing to hold out, or a class has no masks, of which it may
    teach the network to say background: see "Classes without masks" in docs/reference/results.md.

    Args:
        plan: of the run, with stage 3 or without.
    """
    if not _third_stage_possible(plan):
        return "there are too few masks, or tagged images without one, for stage 3"
    return lost_to_third_stage(plan)


def lost_to_third_stage(plan: Plan) -> str | None:
    """Return that stage 3 may lose the classes that have no masks; None where each has some.

    Args:
        plan: of the run, with stage 3 or without.
    """
    without = plan.classes_without_masks
    return f"stage 3 may lose what has no masks: {', '.join(without)}" if without else None


def _third_stage_possible(plan: Plan) -> bool:
    """Return whether stage 3 would have images to label and masks to hold out."""
    if not plan.unmasked:
        return False
    enabled = plan.settings.changed({"self_training.enabled": True})
    longer = replace(plan, settings=enabled)
    try:
        check_step(longer)
        split_for_segmenter(longer)
    except (SettingsError, TrainingError):
        return False
    return True


def _prediction_choices(given: Settings) -> tuple[Choice, ...]:
    reason = f"preset {BEST} scored best with it"
    choices = (Choice("prediction.veto", VETO, reason), Choice("prediction.flip", FLIP, reason))
    prediction = given.prediction
    hard = given.gives("prediction.veto") and prediction.veto != VETO
    if hard or prediction.threshold_choice != "fixed":  # the threshold goes with the soft veto
        return choices
    return (*choices, Choice("prediction.threshold", THRESHOLD, reason))


def _left_open(given: Settings, *choices: Choice) -> tuple[Choice, ...]:
    return tuple(choice for choice in choices if not given.gives(choice.name))


def _best_budget(plan: Plan, given: Settings, clock: Clock, started: float) -> Budget:
    *better, last = presets_to_try(given)
    for preset in better:
        with suppress(TrainingError):  # memory ran out
            budget = _budget(preset, plan, given, clock, started)
            if budget.fits:
                return budget
    return _budget(last, plan, given, clock, started)


def _budget(preset: Choice, plan: Plan, given: Settings, clock: Clock, started: float) -> Budget:
    """Return the budget of the best way to train a preset that fits, or else of the last one.

    All of them are as fast as the first one is found to be: they differ in nothing that is timed.
    """
    named = given.changed({"preset": preset.value})
    ways = {
        way: named.changed({choice.name: choice.value for choice in way})
        for way in ways_to_train(given, preset, against=against_third_stage(plan))
    }
    first, *_ = ways.values()
    survey = _survey(replanned(plan, first), clock, started)
    for way, settings in ways.items():
        budget = fit_to_minutes(settings, survey)
        budget = replace(budget, choices=(*way, *budget.choices))
        if budget.fits:
            break
    return budget


def _survey(tried: Plan, clock: Clock, started: float) -> Survey:
    """Return what is known of a run when the pieces of its plan have been tried out."""
    network = start_network(tried)
    missing = share_missing(network, tried)
    speed = try_out(network, tried, clock)
    return Survey(numbers_of(tried), speed, tried.preset, missing, clock() - started)
