"""Settings that earlier versions had: recipes and runs of that time may still name them."""

from collections.abc import Mapping
from typing import Any

from decouplednet.errors import SettingsError
from decouplednet.recipe import shown_value

RETIRED: dict[str, float] = {
    "segmenter.pasted_share": 0.0,
    "segmenter.border_weight": 0.0,
    "segmenter.border_width": 5,
    "self_training.border_weight": 0.0,
    "self_training.border_width": 5,
    "classifier.label_smoothing": 0.0,
    "self_training.label_smoothing": 0.0,
    "self_training.rounds": 1,
}
"""By name as in ``--set``: the value that says what is done without the setting, its default then.
The ``settings.toml`` of a run has it although nobody asked for it, that of a comparison where it
was given."""


def leave_out_retired(
    given: dict[str, Any], where: str, told: Mapping[str, Any], *, to_train: bool
) -> None:
    """Remove from a recipe, in place, the retired settings that change nothing.

    Those are the ones at the value of ``RETIRED``, the width of borders that weigh no more than
    the rest, and what is said of a third stage that there will be none of.

    Args:
        given: the content of a recipe, or of the settings that a run wrote.
        where: its file, for the message.
        told: ``given`` with the changes of this call, which may ask for a third stage.
        to_train: something will be trained by them; else all retired settings are removed.

    Raises:
        SettingsError: some have another value, which can no longer be followed.
    """
    named = [name for name in RETIRED if _key(name) in _section(given, name)]
    followed = [
        name
        for name in named
        if to_train and not _changes_nothing(name, _section(given, name), told)
    ]
    if followed:
        raise SettingsError(_refusal([(name, _section(given, name)) for name in followed], where))
    for name in named:
        del _section(given, name)[_key(name)]


def _key(name: str) -> str:
    return name.partition(".")[2]


def _section(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the section of a setting; an empty one where there is none."""
    section = given.get(name.partition(".")[0])
    return section if isinstance(section, dict) else {}


def _changes_nothing(name: str, section: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    if _is_number(section[_key(name)], RETIRED[name]):
        return True
    if _key(name) == "border_width" and _is_number(section.get("border_weight", 0), 0):
        return True
    return name.startswith("self_training.") and not _may_have_third_stage(told)


def _is_number(value: object, number: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == number


def _may_have_third_stage(told: Mapping[str, Any]) -> bool:
    """Return whether a third stage is asked for, or may be chosen for the minutes of the run."""
    enabled = _section(told, "self_training.enabled").get("enabled")
    if enabled is None:
        return "minutes" in told
    return enabled not in (False, "false")


def _refusal(found: list[tuple[str, dict[str, Any]]], where: str) -> str:
    lines = ", ".join(
        f"[{name.partition('.')[0]}] {_key(name)} = {shown_value(section[_key(name)])} "
        f"(only {RETIRED[name]} can still be followed)"
        for name, section in found
    )
    return (
        f"{where}: settings that were taken out: {lines}; finish what began so with the version "
        "that began it, or begin anew without, which gives another result"
    )
