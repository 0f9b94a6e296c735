"""The ranked list as a table that spreadsheets open."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from decouplednet.annotations.files import write_atomically
from decouplednet.audit.suspicion import Suspicion

TABLE = "audit.csv"
HEADER = (
    *("rank", "image", "class", "tag_says", "probability", "own_probability", "area_share"),
    *("kind", "suspicion", "remedy"),
)


def write_table(file: Path, ranked: Sequence[Suspicion]) -> None:
    """Write a row for each suspicion, the first being the most probable fault; atomically.

    Args:
        file: the table.
        ranked: in their order.

    Raises:
        DataError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for rank, one in enumerate(ranked, start=1):
        shares = (one.probability, one.own_probability, one.area)
        head = (rank, one.image, one.name, one.says, *(f"{share:.4f}" for share in shares))
        writer.writerow((*head, one.kind, f"{one.suspicion:.4f}", one.remedy))
    write_atomically(file, text.getvalue().encode())
