"""The native layout: masks/, classes.txt and tags.csv, to be put beside the images."""

from collections.abc import Sequence
from pathlib import Path

from decouplednet.annotations.tags import write_tags
from decouplednet.annotations.writers.pre_label import PreLabel
from decouplednet.classes import NOT_LOOKED_AT


def write_tag_table(pre_labels: Sequence[PreLabel], folder: Path) -> None:
    """Write tags.csv for the images of pre-labels; masks/ and classes.txt lie beside it already.

    Args:
        pre_labels: in the order of the rows; what nobody tagged is ``?``.
        folder: gets the table.

    Raises:
        DataError: the file cannot be written.
    """
    rows = {one.listed: (NOT_LOOKED_AT,) if one.tags is None else one.tags for one in pre_labels}
    write_tags(folder / "tags.csv", rows)
