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
    every = torch.arange(per_image[0].shape[0], device=image_index.device)
    if torch.equal(image_index, every):
        return per_image
    return tuple(tensor[image_index] for tensor in per_image)
