"""How the strongly varied views of an image differ from the weak one; pure functions."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from decouplednet.dataset.augmentation import change_colour, jitter_colour
from decouplednet.dataset.view import Box

_Share = Annotated[float, Field(ge=0, le=1)]


class StrongSettings(BaseModel):
    """How strongly a view is varied; shares are probabilities of each variation.

    The numbers are those of the published PASCAL VOC training of UniMatch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    colour_share: _Share = Field(0.8, description="views whose colours change")
    colour: float = Field(
        0.5, ge=0, lt=1, description="largest relative change of brightness, contrast, saturation"
    )
    hue: float = Field(0.25, ge=0, le=0.5, description="largest turn of the hue, 1 is full circle")
    grey_share: _Share = Field(0.2, description="views without colour")
    blur_share: _Share = Field(0.5, description="views that are blurred")
    least_blur: float = Field(0.1, gt=0, description="smallest deviation of the blur, in pixels")
    most_blur: float = Field(2.0, gt=0, description="largest deviation of the blur, in pixels")
    paste_share: _Share = Field(0.5, description="views with a patch of another image (CutMix)")
    least_patch: float = Field(0.02, gt=0, le=1, description="smallest area of a patch, as share")
    most_patch: float = Field(0.4, gt=0, le=1, description="largest area of a patch, as share")
    flattest_patch: float = Field(
        0.3, gt=0, le=1, description="least height over width of a patch; its inverse is the most"
    )


def vary_strongly(
    content: NDArray[np.uint8], settings: StrongSettings, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return content with other colours, or none, or blurred; every pixel stays where it is.

    Args:
        content: (h, w, 3) RGB.
        settings: how often and how much.
        rng: source of the choices.
    """
    if rng.random() < settings.colour_share:
        content = jitter_colour(content, settings.colour, rng)
        content = turn_hue(content, rng.uniform(-settings.hue, settings.hue))
    if rng.random() < settings.grey_share:
        content = change_colour(content, 1.0, 1.0, 0.0)
    if rng.random() < settings.blur_share:
        content = blur(content, rng.uniform(settings.least_blur, settings.most_blur))
    return content


def turn_hue(content: NDArray[np.uint8], turn: float) -> NDArray[np.uint8]:
    """Return (h, w, 3) RGB content whose hues are turned on the colour circle.

    Args:
        content: (h, w, 3) RGB.
        turn: share of the circle, from red towards yellow; 1/3 makes red green.
    """
    hue, saturation, value = Image.fromarray(content).convert("HSV").split()
    turned = hue.point([(level + round(256 * turn)) % 256 for level in range(256)])
    return np.asarray(Image.merge("HSV", (turned, saturation, value)).convert("RGB"))


def blur(content: NDArray[np.uint8], deviation: float) -> NDArray[np.uint8]:
    """Return (h, w, 3) content blurred by a Gaussian of that deviation, in pixels."""
    return np.asarray(Image.fromarray(content).filter(ImageFilter.GaussianBlur(deviation)))


def choose_patch(
    side: int, settings: StrongSettings, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return where another image is pasted: a rectangle inside the frame, or nowhere.

    Args:
        side: of the frame, in pixels.
        settings: how often, how large and how long.
        rng: source of the choice.

    Returns:
        (side, side), True inside the rectangle.
    """
    patch = np.zeros((side, side), np.bool_)
    if rng.random() >= settings.paste_share:
        return patch
    height = width = side + 1
    while max(height, width) > side:
        area = rng.uniform(settings.least_patch, settings.most_patch) * side**2
        aspect = rng.uniform(settings.flattest_patch, 1 / settings.flattest_patch)
        height, width = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
    top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
    patch[top : top + height, left : left + width] = True
    return patch


def paste(x: Tensor, patch: Tensor) -> Tensor:
    """Return a batch with a patch of the image before pasted over each image (CutMix).

    The first image gets its patch from the last.

    Args:
        x: (B, H, W) or (B, C, H, W): images, or what goes with each of their pixels.
        patch: (B, H, W) bool, True where each is pasted over.

    Source: Yun et al., "CutMix", ICCV 2019, for the idea.
    """
    over = patch[:, None] if x.ndim > patch.ndim else patch
    return x.roll(1, dims=0).where(over, x)


def choose_any_window(size: tuple[int, int], smallest: float, rng: np.random.Generator) -> Box:
    """Return a window of the image's own aspect at a random place, wherever its things are.

    Args:
        size: (H, W) of the image, in pixels.
        smallest: least height and width of the window, as share of the image's, above 0.
        rng: source of the choice.
    """
    share = rng.uniform(smallest, 1.0)
    height, width = share * size[0], share * size[1]
    top, left = rng.uniform(0.0, size[0] - height), rng.uniform(0.0, size[1] - width)
    return Box(left, top, min(left + width, size[1]), min(top + height, size[0]))
