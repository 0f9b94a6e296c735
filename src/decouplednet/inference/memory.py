"""How much memory is available, as far as the system says it."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# What a control group may take, what it takes, and which of that is files that can be read again.
_OF_MEMORY = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")  # version 1
_OF_ALL = ("memory.max", "memory.current", "inactive_file")  # version 2


def available_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that can be taken before memory runs out; None where nothing says it.

    The least of what the machine has left and what each control group of this process has left, as
    containers limit it. Linux alone says it.

    Args:
        root: of the file system that is asked.

    Source:
        man 5 proc, MemAvailable; the kernel's pages on both versions of control groups.
    """
    left = [_of_machine(root)]
    left += [_of_group(group, names) for group, names in _groups(root)]
    return min((amount for amount in left if amount is not None), default=None)


def _of_machine(root: Path) -> int | None:
    amount = _value(root / "proc/meminfo", "MemAvailable:")
    return None if amount is None else 1024 * amount


def _groups(root: Path) -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """Yield the folders that this process's control groups and those above them may have."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, place = line.split(":", 2)
        mount, names = root / "sys/fs/cgroup", _OF_ALL
        if controllers:
            mount, names = mount / "memory", _OF_MEMORY
        if not controllers or "memory" in controllers.split(","):
            inside = PurePosixPath(place.lstrip("/"))
            for group in (inside, *inside.parents):
                yield mount / group, names


def _of_group(folder: Path, names: tuple[str, str, str]) -> int | None:
    most, taken, spare = names
    limit, usage = _value(folder / most), _value(folder / taken)
    if limit is None or usage is None:
        return None
    return max(0, limit - usage + (_value(folder / "memory.stat", spare) or 0))


def _value(file: Path, key: str | None = None) -> int | None:
    """Return the number that a file holds, or holds beside a key; None where there is none."""
    for line in _lines(file):
        words = line.split()
        if key is None or words[:1] == [key]:
            number = words[0 if key is None else 1]
            return int(number) if number.isdecimal() else None  # "max" is no limit
    return None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
