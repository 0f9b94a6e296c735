"""How much memory a process takes, at most and now, and functions in a process of their own."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import torch

T = TypeVar("T")

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"  # man 5 proc: resets the peak of the resident set


def is_measurable() -> bool:
    """Return whether this system says how much memory a process took at most: Linux does."""
    return _STATUS.exists() and _RESET.exists()


def in_own_process(work: Callable[..., T], *given: object) -> T:
    """Return what a function returns in a process that is started for it alone.

    Args:
        work: of a module's level.
        given: to it.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_with_threads, torch.get_num_threads(), work, *given).result()


def _with_threads(threads: int, work: Callable[..., T], *given: object) -> T:
    torch.set_num_threads(threads)
    return work(*given)


def forget_peak() -> None:
    """Let ``peak`` begin anew from what is resident now."""
    _RESET.write_text(_FORGET_PEAK)


def peak() -> int:
    """Return the most bytes of this process that were resident at once."""
    return _status("VmHWM")


def resident() -> int:
    """Return the bytes of this process that are resident now."""
    return _status("VmRSS")


def _status(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return 1024 * int(value.split()[0])
    raise ValueError(f"{_STATUS}: holds no {name}")
