"""What a comparison leaves: the table, the numbers and the pictures of all cells that are done."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from decouplednet.annotations.files import write_atomically
from decouplednet.comparison.cell import CellResult
from decouplednet.comparison.folder import ComparisonFolder
from decouplednet.comparison.guard import Guard, watch
from decouplednet.comparison.plot import convergence_picture, scores_picture
from decouplednet.comparison.table import markdown, sheet
from decouplednet.comparison.terms import Terms
from decouplednet.comparison.windows import uneven_windows

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """What lies in a comparison's folder.

    Args:
        folder: where its tables and pictures are.
        cells: all that are done, here or elsewhere.
        guard: what is said of the tags.
        refused: one line for each file that is no cell of this comparison.
        faults: one line for each cell that failed when it was last tried.
    """

    folder: ComparisonFolder
    cells: tuple[CellResult, ...]
    guard: Guard
    refused: tuple[str, ...]
    faults: tuple[str, ...]


def write_results(
    folder: ComparisonFolder, terms: Terms, tags: Sequence[Collection[str] | None]
) -> Comparison:
    """Write the tables and pictures of the cells that lie in a folder; none without any cell.

    Args:
        folder: of the comparison.
        terms: on which all methods compete.
        tags: of the images that give tags.

    Raises:
        DataError: a file cannot be written.
    """
    found = folder.find(terms)
    guard = watch(tags, terms.classes.names, found.cells)
    comparison = Comparison(folder, found.cells, guard, found.refused, folder.faults())
    if found.cells:
        write_atomically(folder.results, _json(comparison))
        uneven = uneven_windows(terms.settings, {cell.method for cell in found.cells})
        table = markdown(found.cells, guard, comparison.faults, uneven)
        write_atomically(folder.table, table.encode())
        write_atomically(folder.sheet, sheet(found.cells).encode())
        write_atomically(folder.scores, scores_picture(found.cells))
        write_atomically(folder.convergence, convergence_picture(found.cells))
    return comparison


def _json(comparison: Comparison) -> bytes:
    content = {
        "format_version": FORMAT_VERSION,
        "cells": [cell.model_dump(mode="json") for cell in comparison.cells],
        "tags": {
            "present_classes": comparison.guard.present,
            "classes": comparison.guard.classes,
            "share": comparison.guard.share,
            "warnings": list(comparison.guard.warnings),
        },
        "faults": list(comparison.faults),
        "refused": list(comparison.refused),
    }
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
