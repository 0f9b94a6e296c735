"""The procedure of the original release, built from the modules of this project.

It runs whole networks for an image with K identified classes and reuses nothing between them: one
that identifies the classes, one for each class, and one for all classes together, from which the
background is read (PAPER.md, facts of the original release).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from decouplednet.networks.classification import Classifier, Traced
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.precision import mixed_precision
from decouplednet.networks.saliency import project_scores
from decouplednet.networks.segmentation import DeconvolutionNetwork
from decouplednet.networks.shortcuts import layer_by_layer
from decouplednet.networks.vgg import VGG, Encoded


def passes_of(count: int, classes: int) -> Tensor:
    """Return the (M, L) bool classes that the passes of an image ask for, the first K of L.

    Each class alone, then all together.

    Args:
        count: K, at most L.
        classes: L.

    >>> passes_of(2, 3).int().tolist(), passes_of(0, 3).shape
    ([[1, 0, 0], [0, 1, 0], [1, 1, 0]], torch.Size([0, 3]))
    """
    alone = torch.eye(classes, dtype=torch.bool)[:count]
    return torch.cat([alone, alone.any(dim=0, keepdim=True)]) if count else alone


def original_maps(network: DecoupledNet, image: Tensor, asked: Tensor) -> Tensor:
    """Return the (M, 2, H, W) softmax of all passes of one image, each by a whole network.

    Float32, and the layout that PyTorch gives by default; f_cls by the transposed layers of the
    head at full size. Only the network that identifies the classes ends with its scores.

    Args:
        network: with a VGG encoder, frozen, its weights in PyTorch's default layout.
        image: (1, 3, H, W).
        asked: (M, L) bool, as from ``passes_of``.
    """
    with torch.no_grad(), layer_by_layer():
        plain_trace(network.classifier, image)
        maps = [
            _decode(network, plain_trace(network.classifier, image), one, asked) for one in asked
        ]
    return _together(maps, image)


def settled_maps(network: DecoupledNet, image: Tensor, asked: Tensor) -> Tensor:
    """Return the same with every simple setting right: the image is encoded once, channels last.

    Args:
        network: with a VGG encoder, frozen, its weights in channels-last memory.
        image: (1, 3, H, W).
        asked: (M, L) bool, as from ``passes_of``.
    """
    with torch.inference_mode(), layer_by_layer():
        traced = network.classifier.trace(image)
        maps = [_decode(network, traced, one, asked) for one in asked]
    return _together(maps, image)


def own_maps(
    network: DecoupledNet, image: Tensor, asked: Tensor, precision: torch.dtype | None = None
) -> Tensor:
    """Return the same as ``Predictor`` computes it; the pass of a single class is its joint pass.

    Args:
        network: frozen, its weights in channels-last memory.
        image: (1, 3, H, W).
        asked: (M, L) bool, as from ``passes_of``.
        precision: type of the matrix products; None for float32 throughout.
    """
    passes, present = own_passes(asked)
    index = torch.zeros(len(passes), dtype=torch.int64, device=image.device)
    with torch.inference_mode(), mixed_precision(image.device, precision):
        traced = network.see(image)
        if not len(passes):
            return _together([], image)
        seed = network.bridge.seed(traced.score.sigmoid(), passes)
        g = network.activation(traced, index, seed, present)
        maps = network.softmax(g, traced, index)
    return maps if len(passes) == len(asked) else maps.repeat(2, 1, 1, 1)


def own_passes(asked: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (P, L) passes that ``own_maps`` makes, and the classes present in each.

    Args:
        asked: (M, L) bool, as from ``passes_of``.
    """
    passes = asked[:1] if len(asked) == 2 else asked
    return passes, asked[-1:].expand(len(passes), -1)


def plain_trace(classifier: Classifier, image: Tensor) -> Traced:
    """Return what ``Classifier.trace`` does, in the layout of (B, 3, H, W) images."""
    encoded = plain_encoding(classifier.encoder, image)
    return Traced(encoded, *classifier.head.trace(encoded.pool5))


def plain_encoding(encoder: object, image: Tensor) -> Encoded:
    """Return what a VGG makes of an image in the layout that it has."""
    if not isinstance(encoder, VGG):
        raise TypeError(f"{type(encoder).__name__} is no VGG")
    x, switches, skips = image, [], []
    for number in range(encoder.group_count):
        *convolutions, pooling = encoder.group(number)
        for layer in convolutions:
            x = layer(x)
        skips.append(x)
        x, origin = pooling(x)
        switches.append(origin)
    kept = tuple(skips[number] for number in encoder.skip_groups)
    return Encoded(x, () if kept else tuple(switches), kept)


def _decode(network: DecoupledNet, traced: Traced, wanted: Tensor, asked: Tensor) -> Tensor:
    """Return the (1, 2, H, W) softmax of one pass for (L,) ``wanted`` classes."""
    return plain_scores(network, traced, wanted[None], asked[-1:]).softmax(dim=1)


def plain_scores(network: DecoupledNet, traced: Traced, asked: Tensor, present: Tensor) -> Tensor:
    """Return the (B, 2, H, W) scores of one map of each image, f_cls by the transposed layers.

    Args:
        network: with a VGG encoder.
        traced: of the B images.
        asked: (B, L) bool, the classes of each map.
        present: (B, L) bool, the classes that may be on each image.
    """
    seed = network.bridge.seed(traced.score.detach().sigmoid(), asked)
    with torch.no_grad():
        saliency = project_scores(seed, traced.head, network.classifier.head.weights())
    first = torch.arange(len(asked), device=seed.device)
    g = network.bridge.activation(traced, first, seed, saliency, present)
    decoder = network.decoder
    if isinstance(decoder, DeconvolutionNetwork) and g.is_contiguous():
        x = g
        for group, switch in zip(decoder.groups, reversed(traced.encoded.switches), strict=True):
            x = group(F.max_unpool2d(x, switch, [2, 2]))
        score: Tensor = decoder.score(x)
    else:
        score = network.decode(g, traced, first)
    return score


def _together(maps: list[Tensor], image: Tensor) -> Tensor:
    return torch.cat(maps) if maps else image.new_zeros(0, 2, *image.shape[2:])
