"""Whether an exported model does what the model does, on images of sizes it was not traced at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from decouplednet.errors import ModelError
from decouplednet.export import openvino_graphs
from decouplednet.export.files import traced_size
from decouplednet.export.graphs import (
    IMAGE,
    MAP_SCORE,
    PASSES,
    PROBABILITY,
    SCORE,
    ClassPassGraph,
    EncoderGraph,
)
from decouplednet.export.standalone import Model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.inference.views import FrameView

LARGEST_DIFFERENCE = 1e-3
"""Of scores, of classes and of pixels, before sigmoid and softmax."""

LEAST_EQUAL = 0.999
"""Share of the pixels of label maps."""

_SHAPES = ((173, 131), (90, 211))  # (H, W) of pictures: upright and lying, odd


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far an exported model is from the model.

    Args:
        difference: the largest, of all scores of both graphs.
        equal: share of the pixels of label maps that are equal, in [0, 1].
        sizes: (H, W) of the images that the graphs were compared on.
    """

    difference: float
    equal: float
    sizes: tuple[tuple[int, int], ...]

    @property
    def is_close(self) -> bool:
        """Whether both are within what is allowed; differences that are not finite are not."""
        return self.difference <= LARGEST_DIFFERENCE and self.equal >= LEAST_EQUAL

    def in_words(self) -> str:
        """Return it as people read it.

        >>> Agreement(4.2e-6, 1.0, ((64, 96), (96, 64))).in_words()
        'scores within 4.2e-06, label maps equal on 100.00 % of the pixels, in 2 sizes'
        """
        return (
            f"scores within {self.difference:.2g}, label maps equal on {self.equal:.2%} of the "
            f"pixels, in {len(self.sizes)} sizes"
        ).replace("%", " %")


def agreement_of(segmenter: Segmenter, folder: Path, trace: tuple[str, ...]) -> Agreement:
    """Run the files of a folder beside the model that they were made from.

    Args:
        segmenter: the model, on the CPU.
        folder: with the graphs and the card.
        trace: names of what the encoder hands to the class pass.
    """
    traced = traced_size(segmenter)
    sizes = tuple(size for size in dict.fromkeys(_sizes(segmenter)) if size != traced)
    model = exported_model(folder)
    differences = [_difference(segmenter, model, size, trace) for size in sizes]
    return Agreement(float(np.max(differences)), _equal(segmenter, model), sizes)


def exported_model(folder: Path) -> Model:
    """Return the model of an exported folder, of either format, as its script loads it."""
    in_onnx = any(folder.glob("*.onnx"))
    return Model(folder) if in_onnx else Model(folder, openvino_graphs.load)


def check_agreement(agreement: Agreement, folder: Path) -> None:
    """Refuse an exported model that does something else.

    Args:
        agreement: of the files.
        folder: where they were to go, for the message.

    Raises:
        ModelError: a score or a label map differs by more than is allowed.
    """
    if not agreement.is_close:
        raise ModelError(
            f"{folder}: nothing is left there, since the exported model differs from the model: "
            f"{agreement.in_words()}; expected {LARGEST_DIFFERENCE:g} and {100 * LEAST_EQUAL:g} %. "
            "Report it with the versions of decouplednet info"
        )


def _sizes(segmenter: Segmenter) -> Iterator[tuple[int, int]]:
    """Yield the squares of the model's views, and two that are no squares."""
    stride = segmenter.network.classifier.encoder.stride
    views: tuple[FrameView, ...] = segmenter.predictor().views()
    for view in views:
        yield view.frame.side, view.frame.side
    side = views[0].frame.side
    yield side, side + stride
    yield side + 2 * stride, side


def _difference(
    segmenter: Segmenter, model: Model, size: tuple[int, int], trace: tuple[str, ...]
) -> float:
    """Return the largest difference of the scores of one image, the graphs given the same."""
    rng = torch.Generator().manual_seed(size[0])
    image = 255 * torch.rand(1, 3, *size, generator=rng)
    count = len(segmenter.classes)
    passes = torch.rand(1 + size[1] % 3, count, generator=rng) < 0.5  # one map, two or three
    probability = torch.rand(1, count, generator=rng)
    encoder = EncoderGraph(segmenter.network, segmenter.frame).eval()
    class_pass = ClassPassGraph(segmenter.network, trace, segmenter.procedure).eval()
    with torch.no_grad():
        seen = encoder(image)
        named = dict(zip((SCORE, *trace), seen, strict=True))
        _, map_score = class_pass(passes, probability, *seen[1:])
    told = {PASSES: passes, PROBABILITY: probability}
    given = _arrays(told | {name: named[name] for name in trace})
    got = model.encoder({IMAGE: image.numpy()})[SCORE]
    maps = model.class_pass(given)[MAP_SCORE]
    return float(np.max([_largest(got, named[SCORE]), _largest(maps, map_score)]))


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[np.generic]]:
    return {name: tensor.contiguous().numpy() for name, tensor in tensors.items()}


def _largest(got: NDArray[np.float32], expected: Tensor) -> float:
    return float(np.abs(np.asarray(got) - expected.numpy()).max())


def _equal(segmenter: Segmenter, model: Model) -> float:
    """Return the share of equal pixels, gated and told all classes, in pictures of two shapes."""
    names, predictor = tuple(segmenter.classes), segmenter.predictor()
    same = [
        predictor.predict([picture], [tags])[0].label_map == model.predict(picture, tags)
        for picture in (_picture(*shape) for shape in _SHAPES)
        for tags in (None, names)
    ]
    return float(np.mean(np.concatenate([pixels.ravel() for pixels in same])))


def _picture(height: int, width: int) -> NDArray[np.uint8]:
    """Return waves of colour, (H, W, 3): smooth, as photographs mostly are."""
    rng = np.random.default_rng(height)
    rows, columns = np.mgrid[:height, :width]
    waves = [
        np.sin(rows * rng.uniform(0.02, 0.2) + columns * rng.uniform(0.02, 0.2) + phase)
        for phase in rng.uniform(0, 6, 9)
    ]
    levels = np.stack([sum(waves[channel::3]) for channel in range(3)], axis=2)
    return np.asarray(127.5 + 42 * levels, np.uint8)
