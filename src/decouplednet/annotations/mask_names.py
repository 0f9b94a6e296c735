"""Names of mask files that say more than the name of their image."""

from pathlib import Path

from decouplednet.annotations.image_files import IMAGE_SUFFIXES

_ENDINGS = ("_mask", "-mask", "_masks", "_label", "_labels", "_gt", "_seg", "_L")
_SUFFIXES = (".jpg", ".png", ".jpeg", *sorted(IMAGE_SUFFIXES - {".jpg", ".png", ".jpeg"}))


def has_image(images: Path, name: str) -> bool:
    """Tell whether a folder holds the image of a name: a path under it, without extension."""
    stem = images / name
    endings = (*_SUFFIXES, *(suffix.upper() for suffix in _SUFFIXES))
    return any(stem.with_name(stem.name + ending).is_file() for ending in endings)


def named_image(name: str, images: Path) -> str:
    """Return the image that the mask of a name belongs to.

    Args:
        name: of the mask, a path under the folder of masks, without extension.
        images: the folder of the images.

    Returns:
        The name itself, or without ``_mask``, ``_label`` and the like where only that is an image.
    """
    if has_image(images, name):
        return name
    for ending in _ENDINGS:
        shorter = name.removesuffix(ending)
        if shorter not in (name, "") and not shorter.endswith("/") and has_image(images, shorter):
            return shorter
    return name


def split_owner(name: str, images: Path) -> tuple[str, str] | None:
    """Return the image and the class of a mask named ``IMAGE_CLASS``, or None.

    Args:
        name: of the mask, a path under the folder of masks, without extension.
        images: the folder of the images; the longest name of an image counts.
    """
    folder, slash, stem = name.rpartition("/")
    at = stem.rfind("_")
    while at > 0:
        owner = f"{folder}{slash}{stem[:at]}"
        if at + 1 < len(stem) and has_image(images, owner):
            return owner, stem[at + 1 :]
        at = stem.rfind("_", 0, at)
    return None


def is_ending(label: str) -> bool:
    """Tell whether ``IMAGE_ENDING`` says that a file is a mask, and not of which class."""
    return f"_{label}" in _ENDINGS
