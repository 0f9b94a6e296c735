"""A peer in terms of the comparison: encoder, decoder and head of another library's model."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from decouplednet.comparison.baselines.pixel_network import PixelNetwork
from decouplednet.errors import ModelError


class PeerNetwork(PixelNetwork):
    """Compute head(decoder(encoder(image))), which is how the library itself composes its models.

    All of it learns, as the library leaves it.

    Args:
        encoder: maps (B, 3, H, W) to a list of activations, one for each stride from 1 to s.
        decoder: maps that list to (B, C, H / d, W / d), d one of these strides.
        head: maps that to (B, L + 1, H, W) scores before the softmax.
        class_count: L.
        stride: s, the largest; sides of images are multiples of it, in pixels.
    """

    encoder: nn.Module

    def __init__(
        self,
        *,
        encoder: nn.Module,
        decoder: nn.Module,
        head: nn.Module,
        class_count: int,
        stride: int,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.head = encoder, decoder, head
        self.class_count = class_count
        self.stride = stride

    def forward(self, image: Tensor) -> Tensor:
        """Return the (B, L + 1, H, W) scores before the softmax, background first."""
        score: Tensor = self.head(self.decoder(self.encoder(image)))
        return score

    def start_learning(self) -> None:
        """Put everything into training mode."""
        self.train()

    def parts_from_scratch(self) -> tuple[nn.Module, ...]:
        """Return decoder and head."""
        return self.decoder, self.head


def load_encoder(encoder: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give an encoder the convolutions of a weights file.

    Args:
        encoder: changed in place; it keeps its own dtype.
        tensors: by the encoder's names, of any float dtype. Keys that begin with ``classifier.``,
            VGG's fully connected layers, are left out.

    Raises:
        ModelError: a tensor is missing, too many, or of another shape; the encoder is unchanged.
    """
    expected = dict(encoder.named_parameters())
    found = {key: tensor for key, tensor in tensors.items() if not key.startswith("classifier.")}
    unlike = sorted(
        key
        for key in expected.keys() | found.keys()
        if key not in expected or key not in found or expected[key].shape != found[key].shape
    )
    if unlike:
        raise ModelError(
            f"the weights do not fit the peer's encoder in {len(unlike)} tensors, of which "
            f"{unlike[0]} is the first; compare with a preset of VGG-16 and its weights"
        )
    with torch.no_grad():
        for key, parameter in expected.items():
            parameter.copy_(found[key])
