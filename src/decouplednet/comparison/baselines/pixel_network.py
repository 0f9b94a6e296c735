"""What a network for all classes must be, to be trained from masks and scored as the baselines."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from decouplednet.networks.part import Part


class PixelNetwork(nn.Module, ABC):
    """Scores background and every class at each pixel. Abstract: each network says what learns.

    Attributes:
        class_count: L.
        stride: sides of images are multiples of it, in pixels.
        encoder: what may start from weights of another training. It learns at a step size of its
            own, and stays out of checkpoints where none of it learns.
    """

    class_count: int
    stride: int
    encoder: Part

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """Return the (B, L + 1, H, W) scores before the softmax, background first.

        Args:
            image: (B, 3, H, W), H and W multiples of the encoder's stride.
        """

    @abstractmethod
    def start_learning(self) -> None:
        """Put what learns into training mode; what is frozen stays as it is."""

    @abstractmethod
    def parts_from_scratch(self) -> Sequence[nn.Module]:
        """Return the parts whose batch statistics are estimated again after training."""
