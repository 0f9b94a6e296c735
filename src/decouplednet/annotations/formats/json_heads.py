"""The beginning of a JSON file, by which the formats of tools are told apart."""

import re
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.formats.heads import head

_KEY = re.compile(r'"((?:[^"\\]|\\.){1,64})"\s*:')


@dataclass(frozen=True, slots=True)
class Head:
    """What the first kilobytes of a file show.

    Args:
        opens: the first sign: ``[`` for a list, ``{`` for an object; empty where it is neither.
        keys: whatever looks like the key of an object, at any depth.
    """

    opens: str
    keys: frozenset[str]


def read_head(path: Path) -> Head:
    """Return what the first kilobytes of a file show; nothing where it cannot be read."""
    text = head(path).decode("utf-8-sig", errors="replace").lstrip()
    opens = text[:1] if text[:1] in ("[", "{") else ""
    return Head(opens, frozenset(_KEY.findall(text)) if opens else frozenset())
