"""The one preprocessing: the square that the network sees, and the exact way back."""

import json
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError
from torch import Tensor
from torch.nn import functional as F

from decouplednet.classes import IGNORE
from decouplednet.dataset.view import View, cut_image, cut_mask, placed_size, whole
from decouplednet.errors import DataError, ModelError

_Level = Annotated[float, Field(allow_inf_nan=False)]
_Spread = Annotated[float, Field(allow_inf_nan=False, gt=0)]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the whole of an image lies in a frame: from the top left corner.

    Attributes:
        size: (H, W) of the image, in pixels.
        placed: (h, w) of its content in the frame, in pixels; the rest is padding.
    """

    size: tuple[int, int]
    placed: tuple[int, int]


class Frame(BaseModel):
    """The square that the network sees.

    The content keeps its aspect (unless a view says otherwise), starts at the top left corner and
    is padded right and bottom with the mean colour, which is zero after normalisation.

    Attributes:
        side: of the square, in pixels.
        channel_order: the order of the network's input channels.
        mean: subtracted from each channel, in ``channel_order``, in units of 0 to 255.
        deviation: divides each channel after that, likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    side: PositiveInt
    channel_order: Literal["RGB", "BGR"]
    mean: tuple[_Level, _Level, _Level]
    deviation: tuple[_Spread, _Spread, _Spread]

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Return the frame of ``to_dict``, as it comes back from JSON.

        Raises:
            ModelError: a key is missing, unknown, or holds a value of another kind.
        """
        try:
            return cls.model_validate_json(json.dumps(values))
        except ValidationError as faults:
            first = faults.errors()[0]
            name = ".".join(["frame", *(str(part) for part in first["loc"])])
            more = f" ({faults.error_count() - 1} more)" if faults.error_count() > 1 else ""
            raise ModelError(f"{name}: {first['msg']}{more}") from None

    def to_dict(self) -> dict[str, object]:
        """Return the frame as values that JSON can hold."""
        return self.model_dump(mode="json")

    def place(self, size: tuple[int, int]) -> Placement:
        """Return where the whole of an image of ``size`` (H, W) lies in the frame."""
        return Placement(size, placed_size(*size, long_side=self.side))

    def image(self, image: NDArray[np.uint8], view: View | None = None) -> Tensor:
        """Return an image as the network sees it.

        Args:
            image: (H, W, 3) RGB.
            view: what is seen of it; None: all, its long side becoming ``side``.

        Returns:
            (3, side, side) float32, normalised; zeros where there is no content.

        Raises:
            DataError: ``image`` is no (H, W, 3) uint8 array, or has no pixels.
        """
        check_pixels(image)
        return self.fill(cut_image(image, view or self._all(image)))

    def mask(self, mask: NDArray[np.uint8], view: View | None = None) -> Tensor:
        """Return a mask in the geometry of ``image``.

        Args:
            mask: (H, W), of the image's size.
            view: the view of its image; None: all of it.

        Returns:
            (side, side) uint8, the nearest ids; 255 where there is no content.

        Raises:
            DataError: ``mask`` is no (H, W) uint8 array, or has no pixels.
        """
        if mask.ndim != 2 or mask.dtype != np.uint8 or not mask.size:
            raise DataError(
                "a mask is (H, W) uint8 with at least one pixel; "
                f"this one is {mask.shape} {mask.dtype}"
            )
        content = cut_mask(mask, view or self._all(mask))
        filled = np.full((self.side, self.side), IGNORE, np.uint8)
        filled[: content.shape[0], : content.shape[1]] = content
        return torch.from_numpy(filled)

    def fill(self, content: NDArray[np.uint8]) -> Tensor:
        """Return (h, w, 3) RGB content, h and w at most side, normalised and padded as ``image``.

        Raises:
            ValueError: the content is larger than the frame.
        """
        height, width = content.shape[:2]
        if max(height, width) > self.side:
            raise ValueError(f"content of {height} x {width} does not fit a side of {self.side}")
        filled = np.zeros((3, self.side, self.side), np.float32)
        for channel, place in enumerate("RGB"):
            position = self.channel_order.index(place)
            levels = filled[position, :height, :width]
            np.subtract(content[..., channel], np.float32(self.mean[position]), out=levels)
            levels /= np.float32(self.deviation[position])
        return torch.from_numpy(filled)

    def restore(self, maps: Tensor, placement: Placement, rows: range | None = None) -> Tensor:
        """Return maps at the image's own size: bilinear, the padding cut away first.

        Args:
            maps: (K, side, side), in the geometry of ``image``.
            placement: where the image lies in them.
            rows: of the image, consecutive and at least one; None: all H. Each is the same,
                whichever others are asked for.

        Returns:
            (K, rows, W) of the same dtype.

        Raises:
            ValueError: ``maps`` are not of this frame's side.
        """
        if maps.shape[1:] != (self.side, self.side):
            raise ValueError(
                f"maps are (K, {self.side}, {self.side}); these are {tuple(maps.shape)}"
            )
        (whole_height, whole_width), (height, width) = placement.size, placement.placed
        wanted = range(whole_height) if rows is None else rows
        if not len(maps):
            return maps.new_empty(0, len(wanted), whole_width)
        at = (torch.arange(wanted.start, wanted.stop, dtype=torch.float64) + 0.5) * height
        at = (at / whole_height - 0.5).clamp(min=0)  # between the centres of pixels
        above = at.long().clamp(max=height - 1)
        below = (above + 1).clamp(max=height - 1)
        share = (at - above).to(maps)[:, None]
        content = maps[:, :height, :width]
        lines = torch.lerp(
            content[:, above.to(maps.device)], content[:, below.to(maps.device)], share
        )
        return F.interpolate(lines, whole_width, mode="linear", align_corners=False)

    def _all(self, pixels: NDArray[np.uint8]) -> View:
        size = (pixels.shape[0], pixels.shape[1])
        return View(whole(size), self.place(size).placed)


def check_pixels(image: NDArray[np.uint8]) -> None:
    """Refuse what is no image.

    Args:
        image: should be (H, W, 3) RGB.

    Raises:
        DataError: it is no (H, W, 3) uint8 array, or has no pixels.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise DataError(
            "an image is (H, W, 3) uint8 with at least one pixel; "
            f"this one is {image.shape} {image.dtype}"
        )


def torchvision_frame(side: int) -> Frame:
    """Return the frame of torchvision's ImageNet weights, also that of networks from scratch.

    Source: torchvision's documented preprocessing, here in units of 0 to 255.
    """
    return Frame(
        side=side,
        channel_order="RGB",
        mean=(255 * 0.485, 255 * 0.456, 255 * 0.406),
        deviation=(255 * 0.229, 255 * 0.224, 255 * 0.225),
    )
