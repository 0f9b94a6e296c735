"""Names that tools give to what is no class: background, and pixels that nobody has decided on."""

from decouplednet.classes import composed

BACKGROUND_NAMES = frozenset({"background", "_background_", "__background__"})
IGNORED_NAMES = frozenset({"255", "ignore", "ignored", "unlabeled", "unlabelled"})


def tidy_name(name: str) -> str:
    r"""Return a name as class lists hold it: accents composed, no spaces at its ends.

    >>> tidy_name(" cafe\u0301 ") == "caf\u00e9"
    True
    """
    return composed(name.strip())


def means_background(name: str) -> bool:
    """Tell whether a name stands for index 0, as ``background`` and ``_background_`` do."""
    return name.casefold() in BACKGROUND_NAMES


def means_ignored(name: str) -> bool:
    """Tell whether a name stands for 255: ``ignore``, ``ignored``, ``unlabelled`` or ``255``."""
    return name.casefold() in IGNORED_NAMES
