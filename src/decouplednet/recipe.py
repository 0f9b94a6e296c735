"""Recipes as text: TOML that is read and written, and changes as given to ``--set``."""

import copy
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from decouplednet.errors import SettingsError, UsageError

# What tomllib raises for text that is no TOML, has a number of thousands of digits, or brackets
# within brackets without end.
_NO_TOML = (tomllib.TOMLDecodeError, ValueError, RecursionError)
_LONGEST = 60  # characters of a refused value that are shown


def read_recipe(file: Path) -> dict[str, Any]:
    """Return what a TOML file holds; a mark that some programs put at its start is skipped.

    Raises:
        SettingsError: there is no such file, or it is no TOML.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"{file}: there is no such recipe") from None
    except (OSError, ValueError) as fault:
        raise SettingsError(f"{file}: the recipe cannot be read: {fault}") from None
    try:
        return tomllib.loads(text)
    except _NO_TOML as fault:
        raise SettingsError(f"{file}: not a TOML file: {fault}") from None


def laid_over(given: Mapping[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """Return what a recipe holds, with changes.

    Args:
        given: the content of a recipe.
        changes: each ``section.key=value`` or ``key=value``.

    Raises:
        UsageError: one is neither.
    """
    changed = copy.deepcopy(dict(given))
    for change in changes:
        _lay_over(changed, change)
    return changed


def _lay_over(given: dict[str, Any], change: str) -> None:
    path, sign, text = change.partition("=")
    *sections, key = path.strip().split(".")
    if not sign or not all((*sections, key)):
        raise UsageError(f"--set {change}: expected section.key=value, such as seed=1")
    place = given
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise UsageError(f"--set {change}: {section} is a setting, not a section")
    place[key] = _parse_value(text.strip())


def _parse_value(text: str) -> Any:
    """Return a TOML list or quoted text as such; the models turn other words into numbers."""
    if not text.startswith(("[", '"', "'")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except _NO_TOML:
        return text


def toml_lines(values: Mapping[str, Any], section: str = "") -> Iterable[str]:
    """Yield the lines of a recipe.

    Args:
        values: by name; a mapping is a section below.
        section: what they are in; empty: the top of the file.
    """
    for key, value in values.items():
        if not isinstance(value, dict):
            # A JSON string, number, boolean or list of them is also a TOML value, but for DEL.
            text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
            yield f"{key} = {text}\n"
    for key, value in values.items():
        if isinstance(value, dict):
            path = f"{section}.{key}" if section else key
            yield f"\n[{path}]\n"
            yield from toml_lines(value, path)


def shown_value(value: object) -> str:
    """Return a value that is refused as in a recipe, cut where it is long."""
    try:
        text = json.dumps(value, default=str)
    except (ValueError, RecursionError):  # thousands of digits, or lists within lists
        return "..."
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
