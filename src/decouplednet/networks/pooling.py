"""How the scores of a class at all positions become its one score.

Each pooling also says how much of the pooled score comes from each position: its gradient, the
share, which is at least 0 and sums to 1 over the positions.
"""

import math
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat
from torch import Tensor


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class MaxPooling(_Value):
    """The highest score counts alone, as in the paper; f_cls then has a fast closed form."""

    name: Literal["max"] = "max"

    def __str__(self) -> str:
        """Return it in words."""
        return "maximum"

    def pool(self, score_map: Tensor) -> Tensor:
        """Return the (B, L) maxima of (B, L, h, w) scores."""
        return score_map.flatten(2).max(dim=2).values

    def share(self, score_map: Tensor) -> Tensor | None:
        """Return None: all of it comes from the maximum, the first one where there are several."""
        del score_map
        return None


class LogSumExpPooling(_Value):
    """A soft maximum: high scores count most, others a little, so all positions learn from a tag.

    It lies between the mean, at a sharpness near 0, and the maximum, at a high one.

    Attributes:
        sharpness: r of (logsumexp(r z) - log n) / r over the n positions.

    Source: Pinheiro and Collobert, "From Image-level to Pixel-level Labeling with Convolutional
        Networks", CVPR 2015.
    """

    name: Literal["log-sum-exp"] = "log-sum-exp"
    sharpness: PositiveFloat

    def __str__(self) -> str:
        """Return it in words."""
        return f"log-sum-exp of sharpness {self.sharpness:g}"

    def pool(self, score_map: Tensor) -> Tensor:
        """Return the (B, L) soft maxima of (B, L, h, w) scores."""
        scores = score_map.flatten(2)
        summed = torch.logsumexp(self.sharpness * scores, dim=2)
        # log n, which an exported graph computes anew for each size of image.
        count = torch.logsumexp(torch.zeros_like(scores), dim=2)
        return (summed - count) / self.sharpness

    def share(self, score_map: Tensor) -> Tensor:
        """Return softmax(r z) over the positions of (B, L, h, w) scores, in that shape."""
        share = torch.softmax(self.sharpness * score_map.flatten(2), dim=2)
        return share.view(score_map.shape)


class TopKPooling(_Value):
    """The mean of the highest scores, so that a tag teaches more than one position.

    Attributes:
        top_share: of all n positions, k = ceil(n top_share) count; 1 is the mean.
    """

    name: Literal["top-k"] = "top-k"
    top_share: float = Field(gt=0, le=1)

    def __str__(self) -> str:
        """Return it in words."""
        return f"mean of the highest {self.top_share:.0%} of the positions"

    def pool(self, score_map: Tensor) -> Tensor:
        """Return the (B, L) means of the highest of (B, L, h, w) scores."""
        return self._highest(score_map).values.mean(dim=2)

    def share(self, score_map: Tensor) -> Tensor:
        """Return 1 / k at each of the k highest of (B, L, h, w) scores, in that shape."""
        places = self._highest(score_map).indices
        share = torch.zeros_like(score_map.flatten(2))
        return (share.scatter(2, places, 1.0) / places.shape[2]).view(score_map.shape)

    def _highest(self, score_map: Tensor) -> torch.return_types.topk:
        scores = score_map.flatten(2)
        return scores.topk(math.ceil(self.top_share * scores.shape[2]), dim=2)


Pooling = Annotated[MaxPooling | LogSumExpPooling | TopKPooling, Field(discriminator="name")]
"""A pooling as ``model.json`` holds it."""

MAX_POOLING = MaxPooling()
