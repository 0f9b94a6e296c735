"""Which image a task of Label Studio is about."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from decouplednet.annotations.formats.paths import image_name
from decouplednet.annotations.formats.refusals import ImageRefusedError
from decouplednet.annotations.image_files import IMAGE_SUFFIXES

_UPLOADED = "/data/upload/"  # then the number of the project
_SERVED = "/data/local-files/"  # then ?d= and a path on the server
# Label Studio puts 8 hexadecimal digits of a random number before the name of an uploaded file,
# and Django takes what is no letter, digit or one of -_. out of it (`get_valid_filename`).
_RANDOM = re.compile(r"[0-9a-f]{8}-(?=.)")
_TAKEN_OUT = re.compile(r"[^-\w.]")
_USUAL = ("image", "img")  # keys of a task's data in Label Studio's templates


def image_of(given: Mapping[str, Any]) -> str:
    """Return the image of a task as `Said.image` names it, with its random digits if it has them.

    Args:
        given: the ``data`` of the task: key to text.

    Raises:
        ImageRefusedError: no text is the address of an image, or several are.
    """
    named = {key: value for key, value in given.items() if _is_image(value)}
    for key in _USUAL:
        if key in named:
            return listed_image(named[key])
    if any(isinstance(value, list) and any(map(_is_image, value)) for value in given.values()):
        raise ImageRefusedError(
            "several-images", "it holds a list of pictures; make one task for each of them"
        )
    if len(named) > 1:
        raise ImageRefusedError(
            "several-images",
            f"{', '.join(sorted(named))} are addresses of pictures; call the one that was "
            "annotated 'image'",
        )
    if not named:
        raise ImageRefusedError(
            "no-image-named", "its data holds no address of an image; export the whole task"
        )
    return listed_image(*named.values())


def listed_image(address: str) -> str:
    """Return the path that an address means: of an upload, a served file, or a link.

    >>> listed_image("/data/local-files/?d=farm%2Fcow%201.jpg")
    'farm/cow 1.jpg'
    >>> listed_image("s3://pictures/farm/cow.jpg"), listed_image("/data/upload/7/0a1b2c3d-cow.jpg")
    ('farm/cow.jpg', '0a1b2c3d-cow.jpg')
    """
    if "://" not in address and not address.startswith((_UPLOADED, _SERVED)):
        return image_name(address)
    path, query = _split(address)
    if path.startswith(_SERVED):
        return image_name(parse_qs(query).get("d", [""])[0])
    if path.startswith(_UPLOADED):
        return image_name(path.removeprefix(_UPLOADED).partition("/")[2])
    return image_name(path)


def without_upload_digits(listed: str) -> str:
    """Return the name that an uploaded image had before Label Studio put digits in front of it.

    >>> without_upload_digits("farm/0a1b2c3d-cow_1.jpg"), without_upload_digits("cow.jpg")
    ('farm/cow_1.jpg', 'cow.jpg')
    """
    folder, slash, name = listed.rpartition("/")
    return f"{folder}{slash}{_RANDOM.sub('', name, count=1)}" if _RANDOM.match(name) else listed


def uploaded_name(name: str) -> str:
    """Return what Label Studio calls an image once it was uploaded, without the random digits.

    >>> uploaded_name("cow (1).jpg")
    'cow_1.jpg'
    """
    return _TAKEN_OUT.sub("", name.strip().replace(" ", "_"))


def _is_image(value: object) -> bool:
    if not isinstance(value, str):
        return False
    if value.startswith((_UPLOADED, _SERVED)):
        return True
    path = _split(value)[0] if "://" in value else value
    return PurePosixPath(path.strip()).suffix.lower() in IMAGE_SUFFIXES


def _split(address: str) -> tuple[str, str]:
    """Return the path of an address, spelt without %20 and the like, and its query."""
    try:
        parts = urlsplit(address)
    except ValueError:  # a host in brackets that is none
        return "", ""
    return unquote(parts.path), parts.query
