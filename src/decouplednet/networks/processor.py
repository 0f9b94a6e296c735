"""What the processor multiplies natively, as the system describes it."""

from functools import cache
from pathlib import Path

DESCRIPTION = Path("/proc/cpuinfo")  # of Linux; elsewhere nothing is known


def bf16_in(cpuinfo: Path = DESCRIPTION) -> bool:
    """Return whether a Linux processor description names bf16 products; False where it is absent.

    Args:
        cpuinfo: a file like ``/proc/cpuinfo``; flags on a line ``flags`` (x86) or ``Features``
            (ARM).
    """
    return not _flags(cpuinfo).isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})


def int8_in(cpuinfo: Path = DESCRIPTION) -> bool:
    """Return whether a Linux processor description names products of bytes, as ``bf16_in``.

    Those of x86: without them, sums of two products are cut off at 16 bits.

    Args:
        cpuinfo: a file like ``/proc/cpuinfo``.
    """
    return not _flags(cpuinfo).isdisjoint({"avx512_vnni", "avx_vnni", "amx_int8"})


@cache
def _flags(cpuinfo: Path) -> frozenset[str]:
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    lines = (line for line in text.splitlines() if line.startswith(("flags", "Features")))
    return frozenset(word for line in lines for word in line.split())
