"""What the network made of images when it was asked for each of their classes alone."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from decouplednet.annotations.images import read_image
from decouplednet.inference.segmenter import Segmenter

IMAGES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """An image and the classes to ask for.

    Args:
        image: its file.
        labels: places of the classes in the model's list, from 0; at least one.
    """

    image: Path
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Activations:
    """N maps, one for each pair of an image and one of its classes.

    Args:
        image_index: (N,) int64 place of the image of each map in what was asked.
        label: (N,) int64 class of each map, from 0.
        g: (N, C, h, w) float32 activation maps, at least 0.
        pool5: (N, C, h, w) float32 output of the encoder for the image; the same for all classes
            of an image.
    """

    image_index: NDArray[np.int64]
    label: NDArray[np.int64]
    g: NDArray[np.float32]
    pool5: NDArray[np.float32]

    @property
    def response(self) -> NDArray[np.float32]:
        """Return the (N, C) mean of each channel of g over its positions."""
        mean: NDArray[np.float32] = self.g.mean(axis=(2, 3))
        return mean


def activations(
    segmenter: Segmenter,
    asked: Sequence[Asked],
    *,
    progress: Callable[[Sequence[Sequence[Asked]]], Iterable[Sequence[Asked]]] = iter,
) -> Activations:
    """Return the activation map g of every class asked for, as if its tag were given.

    Args:
        segmenter: in evaluation mode.
        asked: at least one image.
        progress: shows how far the batches are done.

    Raises:
        DataError: an image cannot be read.
    """
    batches = [
        asked[start : start + IMAGES_AT_ONCE] for start in range(0, len(asked), IMAGES_AT_ONCE)
    ]
    with torch.inference_mode():
        parts = [_of_batch(segmenter, batch) for batch in progress(batches)]
    g, pool5 = (torch.cat(tensors).numpy() for tensors in zip(*parts, strict=True))
    return Activations(
        image_index=np.repeat(np.arange(len(asked)), [len(each.labels) for each in asked]),
        label=np.array([label for each in asked for label in each.labels], np.int64),
        g=g,
        pool5=pool5,
    )


def _of_batch(segmenter: Segmenter, batch: Sequence[Asked]) -> tuple[Tensor, Tensor]:
    """Return g and pool5, each (M, C, h, w) on the processor, of all pairs in a batch."""
    network, device = segmenter.network, segmenter.device
    images = torch.stack([segmenter.frame.image(read_image(each.image)) for each in batch])
    traced = network.see(images.to(device))
    pairs = [(place, label) for place, each in enumerate(batch) for label in each.labels]
    image_index, label = torch.tensor(pairs, device=device).T
    alone = torch.nn.functional.one_hot(label, len(segmenter.classes)).bool()
    seed = network.bridge.seed(traced.score.sigmoid()[image_index], alone)
    of_images = [alone[image_index == place].any(dim=0) for place in range(len(batch))]
    present = torch.stack(of_images)[image_index]
    shown = segmenter.procedure.shown(present)
    g = network.activation(traced, image_index, seed, present, shown)
    return g.cpu(), traced.encoded.pool5[image_index].cpu()
