"""Paths that annotation files name: tidied, and never followed out of the data set."""

import re
from pathlib import Path

from decouplednet.classes import composed

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"^/*[A-Za-z]:")


def image_name(listed: str) -> str:
    r"""Return the image that a path in an annotation file means, as a tidy relative path.

    The path may be one of another computer, so whoever looks the image up compares from the end.

    Args:
        listed: what the file says: a path of any system, relative or not, or an address.

    Returns:
        The path with ``/`` between folders, without drive, scheme, ``.``, ``..`` or ``/`` at its
        start, accents composed; empty where nothing is left.

    >>> image_name(r"C:\photos\a.jpg"), image_name("../x/./y/../a.jpg"), image_name("/a/b.png")
    ('photos/a.jpg', 'x/a.jpg', 'a/b.png')
    >>> image_name("https://example.org/photos/a.jpg")
    'example.org/photos/a.jpg'
    """
    text = listed.strip().encode("utf-8", "replace").decode()  # JSON may hold halves of characters
    path = composed(text).replace("\\", "/")
    path = _DRIVE.sub("", _SCHEME.sub("", path))
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    return "/".join(kept)


def within(folder: Path, listed: str) -> Path | None:
    """Return the file below a folder that a path in an annotation file means.

    Args:
        folder: that the file lies in, or in sub-folders of; it may itself be a link.
        listed: what the annotation file says.

    Returns:
        The path, whether there is such a file or not; None where it is empty, no path at all, or
        leads out of the folder through a link.
    """
    name = image_name(listed)
    if not name or "\0" in name:
        return None
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links that lead in a circle
        return None
    return path if inside else None


def is_laid_out_otherwise(root: Path) -> bool:
    """Tell whether a folder is a data set in the native layout or PASCAL VOC, whatever else it has.

    A list of classes alone does not make it one: it may lie beside any format.
    """
    if (root / "JPEGImages").is_dir() or (root / "tags.csv").is_file():
        return True
    return (root / "images").is_dir() and (root / "masks").is_dir()
