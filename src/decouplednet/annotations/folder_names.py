"""What the names of folders say of the images in them."""

from decouplednet.classes import ClassList, composed
from decouplednet.errors import DataError

SPLIT_FOLDERS = frozenset(
    ("test", "testing", "train", "training", "trainval", "val", "valid", "validation")
)
"""Folders that say which split an image is in, in any case of letters."""

NOTHING = "background"
"""The folder of images with none of the classes."""

# Folders that say what a picture is for, or nothing, but not what is on it.
_NO_CLASS = SPLIT_FOLDERS | {
    "all",
    "data",
    "dcim",
    "image",
    "images",
    "photos",
    "pictures",
    "unknown",
    "unlabeled",
    "unlabelled",
    "unsorted",
}


def may_be_class(name: str) -> bool:
    """Tell whether a folder's name may be a class: it has a letter and is no general name.

    >>> may_be_class("cat"), may_be_class("2024"), may_be_class("Train")
    (True, False, False)
    """
    return name.casefold() not in _NO_CLASS and any(sign.isalpha() for sign in name)


def class_of_folder(name: str) -> str | None:
    """Return the class that a folder's name is, ``NOTHING`` for none of the classes.

    None: it is no class, or no class list could hold it.
    """
    if not may_be_class(name):
        return None
    try:
        return name if name == NOTHING else ClassList((composed(name),)).names[0]
    except DataError:
        return None
