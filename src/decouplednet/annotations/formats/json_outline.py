"""What a JSON file seems to hold, from its first and last kilobytes."""

import re
from collections.abc import Mapping
from pathlib import Path

_LENGTH = 2**16  # bytes that are looked at, at each end
_TOKEN = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"\s*+(:?)|[\[\]{}]', re.DOTALL)
_KEY = re.compile(r'(?<!\\)"([^"\\]{1,40})"\s*:')


def outline(path: Path) -> Mapping[str, frozenset[str]]:
    """Return the keys of the object that a file is, with the keys of the objects in each array.

    Only the first 64 KiB are read, so keys that come later are missing; a file that is no object,
    or cannot be read, has none.
    """
    head = _part(path, 0)
    found: dict[str, set[str]] = {}
    depth, key = 0, ""
    if not head.lstrip("\ufeff \t\r\n").startswith("{"):
        return {}
    for token in _TOKEN.finditer(head):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[2] and depth == 1:
            key = token[1]
            found.setdefault(key, set())
        elif token[2] and depth == 3:
            found[key].add(token[1])
    return {top: frozenset(keys) for top, keys in found.items()}


def last_keys(path: Path) -> frozenset[str]:
    """Return the keys of all objects, however deep, in the last 64 KiB of a file."""
    return frozenset(_KEY.findall(_part(path, -_LENGTH)))


def _part(path: Path, start: int) -> str:
    """Return 64 KiB of a file; nothing where it cannot be read."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size + start) if start < 0 else start)
            return stream.read(_LENGTH).decode("utf-8", "replace")
    except OSError:
        return ""
