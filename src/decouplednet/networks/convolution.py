"""Convolutions of the layers that learn from masks."""

import torch
from torch import Tensor, nn

from decouplednet.networks.image_index import is_in_order, of_maps, with_maps
from decouplednet.networks.ranges import RangedReLU
from decouplednet.networks.shortcuts import shortcuts_allowed
from decouplednet.networks.taps import Convolution


def normalised_convolution(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Return a convolution that keeps the size of its input, batch normalisation and ReLU.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        kernel: side of the kernel, odd.
    """
    return nn.Sequential(
        Convolution(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        RangedReLU(inplace=True),
    )


def convolve_together(
    layer: nn.Module, of_images: Tensor, own: Tensor, image_index: Tensor | None
) -> Tensor:
    """Return what a convolution makes of the channels of images, followed by those of their maps.

    It is the sum of what it makes of either, so the images' part is computed once an image, however
    many maps the image has.

    Args:
        layer: a ``Convolution`` of C + D channels.
        of_images: (B, C, h, w).
        own: (M, D, h, w).
        image_index: (M,) int64, the image of each map, below B; None: each image has its one map.

    Returns:
        (M, out, h', w').
    """
    if image_index is None:
        together: Tensor = layer(torch.cat([of_images, own], dim=1))
        return together
    if not isinstance(layer, Convolution):
        raise TypeError(f"{type(layer).__name__} is no Convolution")
    channels = of_images.shape[1]
    images, place = with_maps(image_index, len(of_images))
    (mapped,) = of_maps(images, of_images)
    (shared,) = of_maps(place, layer.of_channels(mapped, slice(channels), None))
    return shared + layer.of_channels(own, slice(channels, None), layer.bias)


def pool5_of_maps(
    pool5: Tensor, image_index: Tensor, *, training: bool
) -> tuple[Tensor, Tensor | None]:
    """Return pool5 as ``convolve_together`` shall take it, and the image of each map or None.

    Args:
        pool5: (B, C, h, w).
        image_index: (M,) int64, the image of each map, below B.
        training: batch statistics are of maps, so that each gets its own pool5.
    """
    # OpenVINO cannot add the parts of an image to those of its maps.
    if training or not shortcuts_allowed() or is_in_order(image_index, len(pool5)):
        return of_maps(image_index, pool5)[0], None
    return pool5, image_index
