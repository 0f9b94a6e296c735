"""The settings of a run as rows of tables, one table a section."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from decouplednet.settings import Settings

NOT_SET = "not set"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting.

    Args:
        name: as in a recipe.
        value: as in a recipe; ``not set`` where it was left open.
        meaning: its description.
    """

    name: str
    value: str
    meaning: str


def setting_rows(settings: Settings) -> Mapping[str, tuple[SettingRow, ...]]:
    """Return the settings by section, ``run`` for those of no section."""
    return dict(_sections(settings, ""))


def _sections(model: BaseModel, path: str) -> list[tuple[str, tuple[SettingRow, ...]]]:
    own: list[SettingRow] = []
    below: list[tuple[str, tuple[SettingRow, ...]]] = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            below += _sections(value, f"{path}.{name}" if path else name)
        else:
            own.append(SettingRow(name, _text(value), _meaning(field.description)))
    return [(path or "run", tuple(own)), *below]


def _meaning(description: str | None) -> str:
    return (description or "").replace("None: ", f"{NOT_SET}: ")


def _text(value: object) -> str:
    if value is None:
        return NOT_SET
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    return str(value)
