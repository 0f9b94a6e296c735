"""A prediction in the terms of a project: results of its control tags."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.writers.brush import encode_brush
from decouplednet.annotations.writers.polygons import area, outlines
from decouplednet.classes import ClassList
from decouplednet.counts import count
from decouplednet.inference.prediction import Prediction
from decouplednet.serve.labelling import Control
from decouplednet.serve.labels import Place
from decouplednet.serve.protocol import BrushValue, ChoicesValue, PolygonValue, Region

_SMALLEST = 9
"""Pixels of the smallest piece that becomes a polygon: nobody corrects the corners of a speck."""


@dataclass(frozen=True, slots=True)
class Target:
    """What results lie on.

    Args:
        image: name of the image tag.
        height: of the image in pixels, as it is shown.
        width: likewise.
    """

    image: str
    height: int
    width: int

    def region(
        self, control: Control, value: BrushValue | PolygonValue | ChoicesValue, score: float
    ) -> Region:
        """Return a result, with an id that no other has.

        Args:
            control: the control tag that it belongs to.
            value: of the tag's kind.
            score: in [0, 1].
        """
        return Region(
            id=secrets.token_urlsafe(8),
            type=control.kind,
            from_name=control.name,
            to_name=self.image,
            original_width=self.width,
            original_height=self.height,
            value=value,
            score=score,
        )


@dataclass(frozen=True, slots=True)
class Drawn:
    """The masks of a prediction.

    Args:
        regions: a brush mask for each class that is there, or a polygon for each piece of it.
        notes: what was left out, a line for each class.
    """

    regions: tuple[Region, ...]
    notes: tuple[str, ...]


def mask_regions(
    prediction: Prediction, classes: ClassList, places: Mapping[str, Place], target: Target
) -> Drawn:
    """Return the masks of the classes that have a label.

    Args:
        prediction: of the image.
        classes: those of the model.
        places: class to its label.
        target: what the masks lie on.
    """
    regions: list[Region] = []
    notes: list[str] = []
    for name in prediction.identified:
        mask = prediction.label_map == classes.index(name)
        if name not in places or not mask.any():
            continue
        place, score = places[name], prediction.scores[name]
        if place.control.kind == "brushlabels":
            painted = BrushValue(rle=encode_brush(mask), brushlabels=[place.label])
            regions.append(target.region(place.control, painted, score))
            continue
        pieces = outlines(mask)
        large = [piece for piece in pieces if area(piece) >= _SMALLEST]
        for piece in large:
            polygon = PolygonValue(points=_percent(piece, target), polygonlabels=[place.label])
            regions.append(target.region(place.control, polygon, score))
        if len(large) < len(pieces):
            left_out = count(len(pieces) - len(large), "piece")
            notes.append(f"{left_out} of {name} smaller than {_SMALLEST} pixels left out")
    return Drawn(tuple(regions), tuple(notes))


def tag_regions(
    prediction: Prediction, places: Mapping[str, Place], target: Target
) -> Iterator[Region]:
    """Yield the tags of an image, for each control tag that has choices for them.

    Of several tags a control tag of a single choice gets the most probable one.

    Args:
        prediction: of the image.
        places: class to its choice.
        target: what is tagged.
    """
    scores = {name: prediction.scores[name] for name in prediction.identified if name in places}
    for control in dict.fromkeys(places[name].control for name in scores):
        chosen = [name for name in scores if places[name].control == control]
        if not control.is_multiple:
            chosen = [max(chosen, key=lambda name: scores[name])]
        value = ChoicesValue(choices=[places[name].label for name in chosen])
        yield target.region(control, value, min(scores[name] for name in chosen))


def _percent(polygon: NDArray[np.float64], target: Target) -> list[tuple[float, float]]:
    """Return the corners (row, column) in pixels as [x, y] in percent of width and height."""
    return [
        (float(100 * column / target.width), float(100 * row / target.height))
        for row, column in polygon
    ]
