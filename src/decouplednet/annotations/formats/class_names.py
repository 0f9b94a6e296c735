"""Names of classes as other tools write them."""

from pathlib import Path
from reprlib import repr as shortened

from decouplednet.annotations.findings import Finding
from decouplednet.classes import ClassList, composed
from decouplednet.errors import DataError

_BACKGROUND = frozenset({"background", "_background_", "__background__"})


def class_name(written: object) -> str | None:
    """Return the name of a class: accents composed, without spaces at its ends.

    Returns:
        The name; empty for background; None where it cannot be the name of a class here.

    >>> class_name(" cat "), class_name("Background"), class_name("cat;dog"), class_name(["cat"])
    ('cat', '', None, None)
    """
    if not isinstance(written, str):
        return None
    name = composed(written.strip())
    if name.casefold() in _BACKGROUND:
        return ""
    try:
        return ClassList((name,)).names[0]
    except DataError:
        return None


def bad_name(file: Path, written: object) -> Finding:
    """Return the finding of a name for which `class_name` has none."""
    message = (
        f"{shortened(written)} cannot be the name of a class here: a name is a text other than "
        "'?', without ; , and control characters; rename the class and export anew, else its "
        "pixels are ignored"
    )
    return Finding("bad-class-name", str(file), message)
