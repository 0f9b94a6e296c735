"""Which image each map is of."""

import torch
from torch import Tensor

from decouplednet.networks.shortcuts import shortcuts_allowed


def of_maps(image_index: Tensor, *per_image: Tensor) -> tuple[Tensor, ...]:
    """Return what images have as what their maps have.

    Args:
        image_index: (M,) int64, the image of each map, below B.
        per_image: tensors (B, ...).

    Returns:
        tensors (M, ...), not copied where every image has its one map, or all maps are of one.
    """
    images, maps = per_image[0].shape[0], image_index.shape[0]
    if is_in_order(image_index, images):
        return per_image
    if images == 1 and shortcuts_allowed():
        return tuple(tensor.expand(maps, *tensor.shape[1:]) for tensor in per_image)
    return tuple(tensor[image_index] for tensor in per_image)


def is_in_order(image_index: Tensor, images: int) -> bool:
    """Return whether every image has one map, in the order of the images.

    Args:
        image_index: (M,) int64, the image of each map, below B.
        images: B.
    """
    if images == 1:  # no question of values, which an exported graph could not ask
        return image_index.shape[0] == 1
    return torch.equal(image_index, torch.arange(images, device=image_index.device))


def with_maps(image_index: Tensor, images: int) -> tuple[Tensor, Tensor]:
    """Return the images that have maps, and the place of each map's image among them.

    Args:
        image_index: (M,) int64, the image of each map, below B.
        images: B; one alone is returned whether or not it has maps.

    Returns:
        (B',) int64 images in their order, and (M,) int64 places below B'.
    """
    if images == 1:
        return image_index.new_zeros(1), image_index
    mapped, place = torch.unique(image_index, return_inverse=True)
    return mapped, place
