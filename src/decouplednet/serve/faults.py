"""What is wrong with a request, in one line that repeats nothing of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError


def in_words(fault: ValidationError) -> str:
    """Return where the first fault of a value is, and what was expected.

    Args:
        fault: as pydantic raised it.
    """
    return first_in_words(fault.errors(include_url=False, include_input=False))


def first_in_words(faults: Sequence[Mapping[str, Any]]) -> str:
    """Return where the first of some faults is, and what was expected.

    Args:
        faults: as pydantic lists them, at least one.

    >>> first_in_words([{"loc": ("body", "tasks"), "msg": "Field required"}])
    'tasks: field required'
    """
    if faults[0].get("type") == "json_invalid":
        return "its body is no JSON"
    place = ".".join(str(part) for part in faults[0]["loc"] if part != "body")
    message = str(faults[0]["msg"])
    words = message[:1].lower() + message[1:]
    return f"{place}: {words}" if place else words
