"""The lines of a file of YOLO's labels."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as shortened

from decouplednet.annotations.formats.coco_shapes import polygon_area
from decouplednet.annotations.formats.file_faults import FileFaults
from decouplednet.annotations.formats.source import Said
from decouplednet.annotations.mask_content import Content, Kind
from decouplednet.classes import BACKGROUND, IGNORE
from decouplednet.errors import DataError

_SLACK = 0.01  # over the picture's edge, as tools that round write


class YoloLabels:
    """Gathers the lines of one file.

    Args:
        names: name of each number; empty: background; None: none that can be.
        keypoints: whether the numbers after a box are keypoints.
        faults: where faults go; an image with one has no mask, as nobody knows what is missing.
    """

    def __init__(
        self, names: Mapping[int, str | None], faults: FileFaults, *, keypoints: bool
    ) -> None:
        self.faults = faults
        self._names, self._keypoints = names, keypoints
        self._parts: list[tuple[float, str | None, dict[str, object]]] = []
        self._rest, self._sound = BACKGROUND, True

    def add(self, line: int, text: str) -> None:
        """Take a line."""
        try:
            number, shape = _read(text, self._keypoints)
        except DataError as fault:
            self.faults.add("bad-shape", f"line {line}: {fault}; the image has no mask")
            self._sound = False
            return
        if number not in self._names:
            message = f"line {line}: there is no class of number {number}; its pixels are ignored"
            self.faults.add("unknown-class-id", message)
        if "box" in shape:
            self._rest = IGNORE
        self._parts.append((_area(shape), self._names.get(number), shape))

    def said(self, image: str, file: Path) -> Said:
        """Return what the lines say: all classes that are not there are absent.

        Of outlines that overlap the smaller lies on top. Where a line could not be read, nothing is
        said about the classes that no other line names.
        """
        tags = frozenset(name for _, name, _ in self._parts if name)
        if not self._sound:
            known = frozenset(name for name in self._names.values() if name)
            return Said(image, tags, unsaid=known - tags)
        ordered = sorted(self._parts, key=lambda part: -part[0])
        parts = [{"class": name, **shape} for _, name, shape in ordered]
        details = {"size": None, "normalised": True, "rest": self._rest, "parts": parts}
        more = json.dumps(details, separators=(",", ":"))
        return Said(image, tags, mask=Content(Kind.SHAPES, file, more), drawn=tags)


def _read(text: str, keypoints: bool) -> tuple[int, dict[str, object]]:
    """Return the number of the class on a line, and its shape.

    Raises:
        DataError: it is no line of labels.
    """
    cells = text.split()
    if not re.fullmatch(r"[0-9]{1,6}", cells[0]):
        raise DataError(f"{shortened(cells[0])} is no number of a class")
    shares = [_share(cell) for cell in cells[1:]]
    if len(shares) == 4 or (keypoints and len(shares) > 4):
        x, y, width, height = shares[:4]
        return int(cells[0]), {"box": [x - width / 2, y - height / 2, width, height]}
    if len(shares) < 6 or len(shares) % 2:
        raise DataError(
            f"{len(cells)} columns; expected 5 (class, centre and size of a box) or 7, 9, ... "
            "(class, x and y of at least 3 corners)"
        )
    return int(cells[0]), {"polygons": [shares]}


def _share(cell: str) -> float:
    try:
        share = float(cell)
    except ValueError:
        raise DataError(f"{shortened(cell)} is no number") from None
    if not (math.isfinite(share) and -_SLACK <= share <= 1 + _SLACK):
        raise DataError(f"{shortened(cell)} is no share of the image's size, from 0 to 1")
    return share


def _area(shape: dict[str, object]) -> float:
    """Return the share of the image's area that a box or an outline has."""
    box, polygons = shape.get("box"), shape.get("polygons")
    if isinstance(box, list):
        return float(box[2] * box[3])
    return sum(map(polygon_area, polygons)) if isinstance(polygons, list) else 0.0
