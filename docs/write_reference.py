"""Write the pages of the reference that follow from the code: settings and command line.

Run it from the checkout after a change of either; a test compares the pages with the code::

    .venv/bin/python docs/write_reference.py
"""

from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from decouplednet.cli.app import app
from decouplednet.setting_faults import list_name
from decouplednet.settings import Settings
from decouplednet.stage_settings import MOST

REFERENCE = Path(__file__).with_name("reference")
WRITTEN = "<!-- Written by docs/write_reference.py; change the code, then run it again. -->"
_BOUNDS = {Ge: ("at least", "ge"), Gt: ("above", "gt"), Le: ("at most", "le"), Lt: ("below", "lt")}


def settings_page() -> str:
    """Return the page of all settings, one table for each section of a recipe."""
    lines = [
        "# Settings",
        "",
        WRITTEN,
        "",
        "What a recipe may hold, and what `--set section.key=value` may change. A setting that is "
        "*left out* means",
        "what its last column says of None; the run writes what it chose to its `settings.toml`. "
        "An unknown name is",
        "refused with the nearest one.",
    ]
    for section, model in _sections(Settings, ""):
        lines += ["", f"## {f'[{section}]' if section else 'Top of the file'}", ""]
        lines += [_first_line(model), "", "| setting | value | default | meaning |"]
        lines += ["|---|---|---|---|", *_setting_rows(model)]
    return "\n".join(lines) + "\n"


def command_page() -> str:
    """Return the page of all commands, one table of arguments for each."""
    group = typer.main.get_command(app)
    lines = [
        "# Command line",
        "",
        WRITTEN,
        "",
        "Exit status: 0 done; 1 data, files, a model or a recipe were refused, or an item failed; "
        "2 wrong use.",
        "A fault is one line on standard error. `decouplednet --version` prints the version.",
    ]
    for name, command in getattr(group, "commands", {}).items():
        lines += ["", f"## decouplednet {name}", "", _paragraphs(command.help), ""]
        lines += ["| argument | default | meaning |", "|---|---|---|"]
        lines += [_parameter_row(parameter) for parameter in command.params]
    return "\n".join(lines) + "\n"


PAGES = {"settings.md": settings_page, "command-line.md": command_page}


def _sections(model: type[BaseModel], name: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield name, model
    for key, field in model.model_fields.items():
        below = field.annotation
        if isinstance(below, type) and issubclass(below, BaseModel):
            yield from _sections(below, f"{name}.{key}" if name else key)


def _setting_rows(model: type[BaseModel]) -> Iterator[str]:
    for key, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            continue
        default = "*left out*" if field.default is None else f"`{_text(field.default)}`"
        meaning = _cell(field.description or "")
        yield f"| `{key}` | {_kind(field)} | {default} | {meaning} |"


def _kind(field: FieldInfo) -> str:
    """Return what values a setting takes, in words."""
    bounds = [
        f"{word} {getattr(bound, attribute):g}"
        for bound in field.metadata
        for kind, (word, attribute) in _BOUNDS.items()
        if isinstance(bound, kind) and getattr(bound, attribute) < MOST
    ]
    bounds += [
        f"a multiple of {b.multiple_of:g}" for b in field.metadata if isinstance(b, MultipleOf)
    ]
    return ", ".join([_type_name(field.annotation), *dict.fromkeys(bounds)])


def _type_name(annotation: Any) -> str:
    """Return the name of a type for a reader who writes TOML."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (Union, UnionType):
        return _type_name(next(part for part in parts if part is not NoneType))
    if origin is tuple:
        return list_name(annotation)
    if hasattr(annotation, "__metadata__"):
        return _type_name(parts[0])
    return {bool: "true or false", int: "whole number", float: "number", str: "text"}[annotation]


def _parameter_row(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar or parameter.name.upper()}`"
    return f"| {names} | {_default(parameter)} | {_cell(parameter.help or '')} |"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    empty = parameter.default is None or parameter.default in (False, (), [])
    return "" if empty else f"`{_text(parameter.default)}`"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    for page, text in PAGES.items():
        (REFERENCE / page).write_text(text(), encoding="utf-8")
