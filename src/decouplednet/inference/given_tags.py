"""Tags that somebody gives along with images, in terms of the model's classes."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.findings import refuse
from decouplednet.annotations.tags import read_tags
from decouplednet.classes import ClassList


@dataclass(frozen=True, slots=True)
class GivenTags:
    """What a table of tags says about some images.

    Args:
        of: image name, without extension, to the model's classes in its row; empty where the row
            names none of them, so that everything is background. Images without a row are left to
            the model.
        unknown: names that are no class of the model, to the number of rows that hold them.
        unmatched: number of rows that name none of the images.
    """

    of: Mapping[str, frozenset[str]]
    unknown: Mapping[str, int]
    unmatched: int


def read_given_tags(path: Path, classes: ClassList, names: Collection[str]) -> GivenTags:
    """Return the tags of a CSV file ``image,tags`` for the images of those names.

    Args:
        path: the table; images are named with or without extension.
        classes: those of the model.
        names: of the images, without extension.

    Raises:
        DataError: the table cannot be read, or a row of it has a fault.
    """
    table = read_tags(path, names)
    refuse(table.findings)
    matched = {name: tags for name, tags in table.rows.items() if name in names}
    unknown = Counter(tag for tags in matched.values() for tag in tags if tag not in classes)
    return GivenTags(
        of={
            name: frozenset(tag for tag in tags if tag in classes) for name, tags in matched.items()
        },
        unknown=dict(sorted(unknown.items())),
        unmatched=sum(1 for name in table.lines if name not in names),
    )
