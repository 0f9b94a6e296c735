"""Settings that earlier versions had: recipes and runs of that time may still name them."""

from typing import Any

from decouplednet.errors import SettingsError

RETIRED: dict[str, object] = {
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
The ``settings.toml`` of a run, or of a comparison, has it although nobody asked for it."""


def leave_out_retired(given: dict[str, Any], where: str) -> None:
    """Remove from a recipe, in place, the retired settings that change nothing.

    Args:
        given: the content of a recipe, or of the settings that a run wrote.
        where: its file, for the message.

    Raises:
        SettingsError: one of them has another value, which can no longer be followed.
    """
    for name, without in RETIRED.items():
        section, _, key = name.partition(".")
        place = given.get(section)
        if not isinstance(place, dict) or key not in place:
            continue
        if place[key] != without:
            raise SettingsError(
                f"{where}: [{section}] {key} = {place[key]}: this setting was taken out, and only "
                f"{key} = {without} can still be followed; remove the line to do without it, "
                "which gives another result"
            )
        del place[key]
