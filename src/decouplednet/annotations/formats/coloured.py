"""What a table of colours declares of a data set."""

from pathlib import Path

from decouplednet.annotations.colour_table import read_colour_table
from decouplednet.annotations.findings import finding_of
from decouplednet.annotations.formats.named_classes import declared_classes
from decouplednet.annotations.formats.source import Declared
from decouplednet.errors import DataError


def declared_colours(path: Path) -> Declared:
    """Return the classes of a table of colours, in the order of its lines, and its faults."""
    try:
        table = read_colour_table(path)
    except DataError as fault:
        return Declared(findings=(finding_of("bad-colour-table", path, fault),))
    return declared_classes(table.names, path)
