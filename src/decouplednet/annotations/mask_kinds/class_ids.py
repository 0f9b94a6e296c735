"""Ids of classes that a mask names."""

from decouplednet.classes import BACKGROUND, IGNORE, ClassList


def class_id(name: str | None, classes: ClassList) -> int:
    """Return the id of a class in the masks of a data set.

    Args:
        name: of the class; empty: background; None: it does not count.
        classes: of the data set.

    Returns:
        0 for background, 1 and up for the classes, 255 for a name that is none of them.

    >>> [class_id(name, ClassList(("cat", "dog"))) for name in ("dog", "", None, "cow")]
    [2, 0, 255, 255]
    """
    if name == "":
        return BACKGROUND
    return classes.index(name) if name is not None and name in classes else IGNORE
