"""Reading a file of COCO's form: its images one after the other, each with its annotations."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from PIL import Image

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.coco_names import KEY, MOST, ClassNames, class_names
from decouplednet.annotations.formats.coco_tables import (
    Drawn,
    Gathered,
    ListedImage,
    gathering,
    key_of,
)
from decouplednet.annotations.formats.file_faults import FileFaults
from decouplednet.annotations.formats.json_items import json_items
from decouplednet.annotations.formats.source import Said
from decouplednet.counts import count
from decouplednet.errors import DataError

_KEYS = ("images", "annotations", KEY)

Reader = Callable[[Any], Drawn | None]
"""Returns an annotation in the form that it is sorted in; None where it names no image."""
Teller = Callable[[ListedImage, Iterator[Drawn], ClassNames, FileFaults], Said]
"""Returns what the annotations of one image say, and gathers their faults."""


def read_records(
    file: Path, name: Callable[[str], str], read: Reader, tell: Teller
) -> Iterator[Said | Finding]:
    """Yield what a file says of each image, and its faults; the file may list them in any order.

    A file without annotations, such as the lists of COCO's test images, says nothing: its images
    may have been looked at or not.

    Args:
        file: one object with the arrays images, annotations and `categories`.
        name: turns the name of an image in the file into its path under the folder of images.
        read: takes an annotation apart.
        tell: puts the annotations of an image together.

    Raises:
        DataError: it is no sound JSON, or what it says cannot be sorted on the disk.
    """
    faults = FileFaults(file)
    with gathering(file) as gathered:
        names = _gather(file, gathered, faults, name, read)
        gathered.sort()
        strays, first = gathered.strays()
        if strays:
            subject = f"{count(strays, 'annotation')} of images that the file does not list"
            message = f"has {subject}, the first of image_id {first}; export it anew"
            faults.add("annotation-without-image", message)
        if not gathered.is_empty():
            for image in gathered.images():
                yield tell(image, gathered.of_image(image.key), names, faults)
    yield from faults


def listed_images(file: Path, name: Callable[[str], str]) -> Iterator[str]:
    """Yield the paths of the images that a file lists, which is read no further than that.

    Raises:
        DataError: it is no sound JSON.
    """
    begun = False
    for key, element in json_items(file, _KEYS):
        if key == "images":
            begun = True
            listed = element.get("file_name") if isinstance(element, dict) else None
            if isinstance(listed, str) and name(listed):
                yield name(listed)
        elif begun:
            return


def _gather(
    file: Path,
    gathered: Gathered,
    faults: FileFaults,
    name: Callable[[str], str],
    read: Reader,
) -> ClassNames:
    """Sort the images and annotations of a file; return its classes."""
    listed: list[Any] = []
    for key, element in json_items(file, _KEYS):
        if element is None:
            continue
        if key == KEY:
            listed.append(element)
            if len(listed) > MOST:
                raise DataError(f'{file}: has more than {MOST} "categories"')
        elif key == "images":
            _take_image(element, gathered, faults, name)
        else:
            drawn = read(element)
            if drawn is None:
                faults.add("bad-annotation", f"an annotation names no image: {shortened(element)}")
            else:
                gathered.add(drawn)
    return class_names(listed)


def _take_image(
    element: Any, gathered: Gathered, faults: FileFaults, name: Callable[[str], str]
) -> None:
    said = element if isinstance(element, dict) else {}
    key, listed = key_of(said.get("id")), said.get("file_name")
    if key is None or not isinstance(listed, str) or not name(listed):
        faults.add("bad-image-entry", f"an image has no id or no file_name: {shortened(element)}")
        return
    size, fault = _size(said.get("height"), said.get("width"))
    if fault:
        faults.add("bad-image-size", f"image {listed!r}: {fault}")
    if not gathered.add_image(ListedImage(key, name(listed), size)):
        message = f"two images have the id {key}, the second {listed!r}; give each its own"
        faults.add("duplicate-image-id", message)


def _size(height: Any, width: Any) -> tuple[str, str]:
    """Return the JSON of a size and why it cannot be, as in `ListedImage`."""
    for side in (height, width):
        if not isinstance(side, int) or isinstance(side, bool) or side < 1:
            return "null", ""
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and height * width > most:
        return "", f"{width} x {height} pixels are more than {most}; the image has no mask"
    return json.dumps([height, width]), ""
