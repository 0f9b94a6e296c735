"""The classification network: which classes are in the image, and through which activations."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from decouplednet.networks.encoder import Encoder, encode_in_turn
from decouplednet.networks.initialisation import Initialise, gaussian
from decouplednet.networks.pooling import MAX_POOLING, Pooling
from decouplednet.networks.precision import full_precision
from decouplednet.networks.taps import Convolution, is_large
from decouplednet.networks.vgg import Encoded


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """The weights of the head's three convolutions, without gradient.

    Args:
        fc6: (middle, C, k, k).
        fc7: (middle, middle, 1, 1).
        score: (L, middle, 1, 1).
        dilation: positions from one tap of fc6's kernel to the next.
    """

    fc6: Tensor
    fc7: Tensor
    score: Tensor
    dilation: int = 1


@dataclass(frozen=True, slots=True)
class HeadTrace:
    """What one pass through the head decided: the ReLUs it opened, the positions it pooled.

    h' and w' are what fc6's kernel, which is not padded, leaves of h and w.

    Args:
        fc6_open: (B, middle, h', w') bool, True where fc6 is above 0.
        fc7_open: bool of the same shape, True where fc7 is above 0.
        peak: (B, L) int64, the flat position, row * width + column, of each class's maximum.
        score_map: (B, L, h', w') score of each class at each position.
        share: of the same shape, how much of each pooled score comes from each position, see
            ``Pooling``; None where all of it comes from the maximum.
    """

    fc6_open: Tensor
    fc7_open: Tensor
    peak: Tensor
    score_map: Tensor
    share: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Traced:
    """Everything later stages need to know of one pass through the classification network.

    Args:
        encoded: pool5, and switches or skips, of B images.
        score: (B, L) pooled scores, before the sigmoid.
        head: gates and peaks of the same pass.
    """

    encoded: Encoded
    score: Tensor
    head: HeadTrace


class ClassificationHead(nn.Module):
    """fc6, fc7 and the class scores as convolutions, then one pooling over all positions.

    The pooling is the same in training and prediction (PAPER.md, known oddities).

    Args:
        channels: C, the channels of pool5.
        middle: channels of fc6 and fc7.
        kernel: k, the taps along a side of fc6's kernel; it is not padded.
        class_count: L.
        dropout: share of the outputs of fc6 and fc7 dropped in training mode, in [0, 1).
        initialise: how fc6 and fc7 start. The score layer always starts at the paper's small
            weights, so that every probability starts near one half: by He, the maximum over
            positions starts every class as certain, and a small network never recovered.
        pooling: how the scores of all positions become one.
        dilation: pool5 positions from one tap of fc6 to the next: 2 on a grid twice as fine
            lets fc6 see as much of the image as 1 does.
    """

    def __init__(
        self,
        *,
        channels: int,
        middle: int,
        kernel: int,
        class_count: int,
        dropout: float,
        initialise: Initialise,
        pooling: Pooling = MAX_POOLING,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.fc6 = Convolution(channels, middle, kernel, dilation=dilation)
        self.fc7 = Convolution(middle, middle, kernel_size=1)
        self.score = nn.Conv2d(middle, class_count, kernel_size=1)
        self.dropout = nn.Dropout(dropout)
        initialise(self)
        gaussian(self.score)

    @property
    def reach(self) -> int:
        """How many pool5 positions along a side fc6 sees from one of its own."""
        return (self.fc6.kernel_size[0] - 1) * self.fc6.dilation[0] + 1

    def forward(self, pool5: Tensor) -> Tensor:
        """Return the (B, L) pooled scores of (B, C, h, w) activations that hold fc6's window.

        In training mode autocast acts on a head whose fc6 is small: nothing but the score is
        asked for, and an update took 1.5 times as long without.
        """
        if self.training and not is_large(self.fc6.weight):
            return self.pooling.pool(self._layers(pool5)[2].float())
        return self.trace(pool5)[0]

    def trace(self, pool5: Tensor) -> tuple[Tensor, HeadTrace]:
        """Return the (B, L) pooled scores of (B, C, h, w) activations, and what led to them.

        Both are computed in the dtype of the score layer, also under autocast, but for products
        with kernels of half precision, see ``taps.halve_large_weights``.
        """
        with full_precision(pool5.device):
            fc6, fc7, score_map = self._layers(pool5.to(self.score.weight.dtype))
            score = self.pooling.pool(score_map)
            peak = score_map.flatten(2).argmax(dim=2)
            share = self.pooling.share(score_map)
        return score, HeadTrace(fc6 > 0, fc7 > 0, peak, score_map, share)

    def _layers(self, pool5: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return fc6 and fc7 after their ReLUs, and the score of each class at each position."""
        fc6 = F.relu(self.fc6(pool5))
        fc7 = F.relu(self.fc7(self.dropout(fc6)))
        return fc6, fc7, self.score(self.dropout(fc7))

    def weights(self) -> HeadWeights:
        """Return the weights that carry scores back to pool5."""
        return HeadWeights(
            self.fc6.weight.detach(),
            self.fc7.weight.detach(),
            self.score.weight.detach(),
            self.fc6.dilation[0],
        )


class Classifier(nn.Module):
    """The classification network of the paper: an encoder and a head.

    Args:
        encoder: images to pool5, and switches or skips; VGG-16's convolutions in the paper.
        head: pool5 to scores.
    """

    def __init__(self, encoder: Encoder, head: ClassificationHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, image: Tensor) -> Tensor:
        """Return the (B, L) scores, before the sigmoid, of (B, 3, H, W) images."""
        score: Tensor = self.head(self.encoder.encode(image).pool5)
        return score

    def trace(self, image: Tensor) -> Traced:
        """Return the scores of (B, 3, H, W) images with all that led to them."""
        encoded = encode_in_turn(self.encoder, image)
        return Traced(encoded, *self.head.trace(encoded.pool5))
