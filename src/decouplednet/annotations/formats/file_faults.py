"""The faults of one file, of which a hostile or wholly wrong one may have millions."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from decouplednet.annotations.findings import Finding
from decouplednet.counts import count

MOST = 20  # that are told of each kind


class FileFaults:
    """Gathers findings of a file; of each kind the first few are kept, and the others counted.

    Args:
        file: that has the faults.
    """

    def __init__(self, file: Path) -> None:
        self._file = str(file)
        self._kept: list[Finding] = []
        self._counts: Counter[str] = Counter()

    def add(self, code: str, message: str) -> None:
        """Take a fault."""
        self._counts[code] += 1
        if self._counts[code] <= MOST:
            self._kept.append(Finding(code, self._file, message))

    def __iter__(self) -> Iterator[Finding]:
        yield from self._kept
        for code, number in self._counts.items():
            if number > MOST:
                more = f"has {count(number - MOST, 'more fault')} of this kind"
                yield Finding(code, self._file, more)
