"""Whether an exported model does what the model does, on images of sizes it was not traced at."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from decouplednet.errors import ModelError
from decouplednet.export import openvino_graphs
from decouplednet.export.card import Format
from decouplednet.export.files import traced_size, versions
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
"""Share of the pixels of each label map."""

LEAST_SHOWN = 0.01
"""Share of the pixels of a label map from which a class is compared: ten times what may differ, so
that none which is compared can be lost."""

_SHAPES = ((173, 131), (90, 211))  # (H, W) of pictures: upright and lying, odd


Picture = NDArray[np.uint8]
LabelMap = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far an exported model is from the model.

    Args:
        difference: the largest, of all scores of both graphs.
        equal: the smallest share of equal pixels of a label map, in [0, 1]; None where no label map
            shows a class.
        classes: how many classes the label maps show.
        sizes: (H, W) of the images that the graphs were compared on.
    """

    difference: float
    equal: float | None
    classes: int
    sizes: tuple[tuple[int, int], ...]

    @property
    def is_close(self) -> bool:
        """Whether both are within what is allowed; differences that are not finite are not."""
        alike = self.equal is None or self.equal >= LEAST_EQUAL
        return alike and self.difference <= LARGEST_DIFFERENCE

    def in_words(self) -> str:
        """Return it as people read it.

        >>> Agreement(4.2e-6, 0.99987, 3, ((64, 96), (96, 64))).in_words()
        'scores within 4.2e-06 in 2 sizes, label maps equal on 99.987 % of pixels; classes shown: 3'
        """
        scores = f"scores within {self.difference:.2g} in {len(self.sizes)} sizes"
        if self.equal is None:
            return f"{scores}; no class is shown by any label map"
        share = f"{100 * self.equal:.3f} %"
        return f"{scores}, label maps equal on {share} of pixels; classes shown: {self.classes}"


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
    equal, classes = least_equal(label_maps(segmenter, model.predict))
    return Agreement(float(np.max(differences)), equal, classes, sizes)


def exported_model(folder: Path) -> Model:
    """Return the model of an exported folder, of either format, as its script loads it."""
    in_onnx = any(folder.glob("*.onnx"))
    return Model(folder) if in_onnx else Model(folder, openvino_graphs.load)


def check_agreement(agreement: Agreement, folder: Path, made_for: Format) -> None:
    """Refuse an exported model that does something else.

    Args:
        agreement: of the files.
        folder: where they were to go, for the message.
        made_for: the format of the files, for the message.

    Raises:
        ModelError: a score or a label map differs by more than is allowed.
    """
    if not agreement.is_close:
        raise ModelError(
            f"{folder}: nothing is left there, since the exported model differs from the model: "
            f"{agreement.in_words()}; expected {LARGEST_DIFFERENCE:g} and {100 * LEAST_EQUAL:g} %. "
            f"Report it with these versions: {versions(made_for)}"
        )


def label_maps(
    segmenter: Segmenter, predict: Callable[[Picture, Collection[str] | None], LabelMap]
) -> Iterator[tuple[LabelMap, LabelMap]]:
    """Yield label maps of the model and of what was exported.

    Of each picture gated, told all classes and told two; of each class told alone, in the first of
    the pictures that shows it.

    Args:
        segmenter: the model.
        predict: what was exported, which returns the (H, W) label map of a picture and its tags.
    """
    names, predictor = tuple(segmenter.classes), segmenter.predictor()
    pictures = [_picture(*shape) for shape in _SHAPES]

    def pair(picture: Picture, tags: Collection[str] | None) -> tuple[LabelMap, LabelMap]:
        (expected,) = predictor.predict([picture], [tags], class_maps=False)
        return expected.label_map, predict(picture, tags)

    for picture in pictures:
        for tags in dict.fromkeys((None, names, (names[0], names[-1]))):
            yield pair(picture, tags)
    for name in names:
        for picture in pictures:
            alone = pair(picture, (name,))
            yield alone
            if _shown(alone):
                break


def least_equal(pairs: Iterable[tuple[LabelMap, LabelMap]]) -> tuple[float | None, int]:
    """Return the smallest share of equal pixels in [0, 1], and how many classes were compared.

    Pairs in which no class covers ``LEAST_SHOWN`` are left out: they would be equal without it.

    Args:
        pairs: (H, W) label maps of the model and of what was exported.

    Returns:
        None and 0 where every pair is left out.
    """
    shares, classes = list[float](), set[int]()
    for pair in pairs:
        shown = _shown(pair)
        classes |= shown
        if shown:
            shares.append(float(np.mean(pair[0] == pair[1])))
    return min(shares, default=None), len(classes)


def _shown(pair: tuple[LabelMap, LabelMap]) -> set[int]:
    """Return the classes that cover enough of either label map."""
    shown = set[int]()
    for label_map in pair:
        labels, pixels = np.unique(label_map[label_map > 0], return_counts=True)
        shown |= set(labels[pixels >= LEAST_SHOWN * label_map.size].tolist())
    return shown


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
    labels, maps = torch.arange(len(segmenter.classes)), torch.arange(1 + size[1] % 3)
    passes = labels % len(maps) == maps[:, None]  # one map, two or three; each class is in one
    probability = torch.rand(1, len(labels), generator=rng)
    encoder = EncoderGraph(segmenter.network, segmenter.frame).eval()
    class_pass = ClassPassGraph(segmenter.network, trace, segmenter.procedure).eval()
    with torch.no_grad():
        seen = encoder(image)
        named = dict(zip((SCORE, *trace), seen, strict=True))
        _, map_score = class_pass(passes, probability, *seen[1:])
    told = {PASSES: passes, PROBABILITY: probability}
    given = _arrays(told | {name: named[name] for name in trace})
    got = model.encoder({IMAGE: image.numpy()})[SCORE]
    exported = model.class_pass(given)[MAP_SCORE]
    return float(np.max([_largest(got, named[SCORE]), _largest(exported, map_score)]))


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[np.generic]]:
    return {name: tensor.contiguous().numpy() for name, tensor in tensors.items()}


def _largest(got: NDArray[np.float32], expected: Tensor) -> float:
    return float(np.abs(np.asarray(got) - expected.numpy()).max())


def _picture(height: int, width: int) -> Picture:
    """Return waves of colour, (H, W, 3): smooth, as photographs mostly are."""
    rng = np.random.default_rng(height)
    rows, columns = np.mgrid[:height, :width]
    waves = [
        np.sin(rows * rng.uniform(0.02, 0.2) + columns * rng.uniform(0.02, 0.2) + phase)
        for phase in rng.uniform(0, 6, 9)
    ]
    levels = np.stack([sum(waves[channel::3]) for channel in range(3)], axis=2)
    return np.asarray(127.5 + 42 * levels, np.uint8)
