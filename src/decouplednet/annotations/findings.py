"""A fault of a data set as a value, so that one reader serves both a refusal and a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from decouplednet.errors import DataError


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one file.

    Args:
        code: what kind of fault, in kebab-case, such as ``mask-size``; stable across versions.
        file: the path as the user would type it.
        message: what was found, what was expected, and the remedy where it is certain.
    """

    code: str
    file: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.message}"


def finding_of(code: str, path: Path, fault: DataError) -> Finding:
    """Return a refusal as a finding; the path is not said twice."""
    return Finding(code, str(path), str(fault).removeprefix(f"{path}: "))


def refuse(findings: Sequence[Finding], root: Path | None = None) -> None:
    """Raise the first finding, if there is one.

    Args:
        findings: the faults, most important first.
        root: the data set that ``decouplednet check`` would list wholly, for the message.

    Raises:
        DataError: there is at least one finding.
    """
    if not findings:
        return
    more = f"{len(findings) - 1} more" if len(findings) > 1 else ""
    listed = f"run: decouplednet check {root}" if more and root else ""
    rest = "; ".join(part for part in (more, listed) if part)
    raise DataError(f"{findings[0]} ({rest})" if rest else str(findings[0]))
