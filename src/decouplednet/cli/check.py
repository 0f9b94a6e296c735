"""The command that opens every file of a data set and names each fault."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from decouplednet.annotations.check import CheckReport
    from decouplednet.annotations.findings import Finding

_SHOWN_OF_A_KIND = 10


def check(
    data: Annotated[Path, typer.Argument(help="The data set's folder.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every fault as JSON, and nothing else.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Open every file of DATA and name each fault."""
    from decouplednet.annotations.check import check as check_data
    from decouplednet.progress import bar

    report = check_data(data, bar("files", quiet or as_json))
    if as_json:
        typer.echo(_json(report))
    else:
        _print(report)
    if report.findings:
        raise typer.Exit(1)


def _json(report: "CheckReport") -> str:
    counts = {"images": report.images, "tagged": report.tagged, "masked": report.masked}
    notes = {"notes": _listed(report.notes)} if report.notes else {}
    return json.dumps({**counts, "findings": _listed(report.findings), **notes}, indent=2)


def _listed(findings: "tuple[Finding, ...]") -> list[dict[str, str]]:
    return [
        {"code": found.code, "file": found.file, "message": found.message} for found in findings
    ]


def _print(report: "CheckReport") -> None:
    from rich.console import Console

    console = Console()
    if report.findings:
        console.print(_table(report.findings, "fault"))
    if report.notes:
        console.print(_table(report.notes, "note"))
    faults = f"{len(report.findings)} faults" if len(report.findings) != 1 else "1 fault"
    notes = f", {len(report.notes)} notes" if len(report.notes) != 1 else ", 1 note"
    console.print(
        f"{report.images} images, {report.tagged} tagged, {report.masked} masked: "
        f"{faults if report.findings else 'no faults'}{notes if report.notes else ''}",
        highlight=False,
        soft_wrap=True,
    )
    if not report.masked:
        console.print("to train, at least one mask is needed", soft_wrap=True)


def _table(findings: "tuple[Finding, ...]", heading: str) -> "Table":
    """Return faults or notes, most frequent kind first, at most ten of a kind."""
    from rich.table import Table
    from rich.text import Text

    table = Table(heading, "number", "where and what")
    table.columns[1].justify = "right"
    table.columns[2].overflow = "fold"
    for code, count in Counter(found.code for found in findings).most_common():
        kind = [found for found in findings if found.code == code]
        for row, found in enumerate(kind[:_SHOWN_OF_A_KIND]):
            head = (code, str(count)) if row == 0 else ("", "")
            table.add_row(*head, Text(str(found)))
        if count > _SHOWN_OF_A_KIND:
            table.add_row("", "", f"and {count - _SHOWN_OF_A_KIND} more; see --json")
        table.add_section()
    return table
