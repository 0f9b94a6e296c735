"""Which image each map is of."""

import torch
from torch import Tensor


def of_maps(image_index: Tensor, *per_image: Tensor) -> tuple[Tensor, ...]:
    """Return what images have as what their maps have.

    Args:
        image_index: (M,) int64, the image of each map, below B.
        per_image: tensors (B, ...).

    Returns:
        tensors (M, ...), not copied where every image has its one map.
    """
    images, maps = per_image[0].shape[0], image_index.shape[0]
    # Of one image this is no question of values, which an exported graph could not ask.
    in_order = maps == 1 if images == 1 else _counts_up(image_index, images)
    return per_image if in_order else tuple(tensor[image_index] for tensor in per_image)


def _counts_up(image_index: Tensor, images: int) -> bool:
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
