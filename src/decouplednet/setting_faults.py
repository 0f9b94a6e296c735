"""What is said of a setting that is refused: one line with where, found and expected."""

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from decouplednet.classes import nearest_name
from decouplednet.counts import count
from decouplednet.recipe import shown_value
from decouplednet.retired_settings import RETIRED

# What a value must be, by pydantic's word for the fault; the bounds come from the fault itself.
_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_type": "a whole number",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "literal_error": "{expected}",
    "model_type": "a section of settings",
    "multiple_of": "a multiple of {multiple_of:g}",
    "string_type": "text",
    "too_long": "a list of at most {max_length}",
    "too_short": "a list of at least {min_length}",
}


def sentence(model: type[BaseModel], faults: ValidationError) -> str:
    """Return one line for the first fault, and how many more settings have one.

    Args:
        model: the settings that refused.
        faults: what it found.
    """
    first = faults.errors()[0]
    names = _names(first)
    others = {tuple(_names(fault)) for fault in faults.errors()} - {tuple(names)}
    more = f" ({count(len(others), 'more such fault')})" if others else ""
    if first["type"] == "value_error":  # of settings that do not go together
        section = f"[{'.'.join(names)}] " if names else ""
        return f"{section}{first['msg'].removeprefix('Value error, ')}{more}"
    *sections, key = names
    section = f"[{'.'.join(sections)}] " if sections else ""
    if first["type"] == "extra_forbidden":
        hint = _hint(key, sections, model)
        return f"{section or 'a run '}has no setting {key}{hint}{more}"
    form = _EXPECTED.get(first["type"])
    if first["type"] == "tuple_type":
        form = f"a {list_name(_fields_at(model, sections)[key].annotation)}"
    wanted = f"expected {form.format(**first.get('ctx', {}))}" if form else first["msg"]
    return f"{section}{key} = {shown_value(first['input'])}: {wanted}{more}"


def _hint(key: str, sections: list[str], model: type[BaseModel]) -> str:
    """Return what is said of a name that is no setting, after it."""
    if ".".join((*sections, key)) in RETIRED:
        return " any more: it was taken out; leave it out"
    near = nearest_name(key, _fields_at(model, sections))
    return f"; did you mean {near}?" if near else ""


def _names(fault: Mapping[str, Any]) -> list[str]:
    """Return the sections and the setting that a fault is about."""
    return [part for part in fault["loc"] if isinstance(part, str)]


def list_name(annotation: Any) -> str:
    """Return what a setting of several values is to a reader who writes TOML.

    Args:
        annotation: of the setting: a tuple of texts or of numbers, or one of these or None.

    >>> list_name(tuple[str, ...] | None), list_name(tuple[float, ...])
    ('list of names', 'list of numbers')
    """
    if get_origin(annotation) is tuple:
        return "list of names" if get_args(annotation)[0] is str else "list of numbers"
    return list_name(next(part for part in get_args(annotation) if get_origin(part) is tuple))


def _fields_at(model: type[BaseModel], sections: list[str]) -> dict[str, FieldInfo]:
    """Return the settings of a section by their names; none where there is no such section."""
    for section in sections:
        field = model.model_fields.get(section)
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return {}
        model = annotation
    return model.model_fields
