"""One image of the demo: cut-outs laid over a background, and the mask that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from decouplednet.classes import BACKGROUND
from decouplednet.demo.backgrounds import draw_background
from decouplednet.demo.stock import CLASSES, Stock

# Shares of images with 0, 1, 2 and 3 classes; with 0, 1 and 2 things of no class.
CLASS_SHARES = (0.06, 0.40, 0.36, 0.18)
DISTRACTOR_SHARES = (0.55, 0.35, 0.10)
OBJECT_SIZES = (0.45, 0.8)  # long side before turning, as share of the image's side
DISTRACTOR_SIZES = (0.25, 0.5)
LARGEST_TURN = 25.0  # degrees
LEAST_INSIDE = 0.7  # share of an object that lies inside the image
LEAST_UNCOVERED = 0.55  # share of an object that later objects leave uncovered
TRIES = 12  # places tried for an object before it is left out


@dataclass(frozen=True, slots=True)
class Layer:
    """One object where it was pasted.

    Args:
        index: its class index, 0 for a thing of no class.
        colour: (H, W, 3) in [0, 255].
        alpha: (H, W) in [0, 1]: 0 where the object is not, 1 where it hides what lies below.
    """

    index: int
    colour: NDArray[np.float32]
    alpha: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scene:
    """An image and its truth.

    Args:
        image: (H, W, 3) uint8 red, green, blue.
        mask: (H, W) uint8 class indices; 0 is background.
        tags: names of the classes in the image: those in ``mask``.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    tags: frozenset[str]


def draw_scene(stock: Stock, *, side: int, rng: np.random.Generator) -> Scene:
    """Return a random scene.

    Args:
        stock: the pictures to choose from.
        side: side of the square image, in pixels.
        rng: makes every choice.
    """
    background = draw_background(stock.photographs, side=side, rng=rng)
    layers: list[Layer] = []
    for index in _choose_objects(rng):
        layer = _find_place(stock, index, layers, side, rng)
        if layer:
            layers.append(layer)
    image, mask = flatten(background, layers)
    names = frozenset(CLASSES.names[layer.index - 1] for layer in layers if layer.index)
    return Scene(image, mask, names)


def flatten(
    background: NDArray[np.float32], layers: Sequence[Layer]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the (H, W, 3) image and (H, W) mask of layers laid over a background, first lowest.

    A pixel belongs to the topmost object that covers more than half of it.
    """
    picture = background
    mask = np.full(background.shape[:2], BACKGROUND, np.uint8)
    for layer in layers:
        picture = picture + (layer.colour - picture) * layer.alpha[..., None]
        mask[covered(layer)] = layer.index
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), mask


def covered(layer: Layer) -> NDArray[np.bool_]:
    """Return the (H, W) pixels that an object takes in the mask."""
    return layer.alpha > 0.5


def _choose_objects(rng: np.random.Generator) -> list[int]:
    """Return the class indices of a scene's objects in random order, 0 for things of no class."""
    wanted = rng.choice(len(CLASS_SHARES), p=CLASS_SHARES)
    indices = rng.choice(len(CLASSES), size=wanted, replace=False) + 1
    extra = rng.choice(len(DISTRACTOR_SHARES), p=DISTRACTOR_SHARES)
    return [int(index) for index in rng.permutation([*indices, *[BACKGROUND] * extra])]


def _find_place(
    stock: Stock, index: int, below: Sequence[Layer], side: int, rng: np.random.Generator
) -> Layer | None:
    """Return an object at a place where it and all below it stay in sight, None if not found."""
    designs = stock.cutouts[CLASSES.names[index - 1]] if index else stock.distractors
    picture = _vary(designs[rng.integers(len(designs))], index, side, rng)
    size = np.array(picture.size)
    whole = np.count_nonzero(np.asarray(picture.getchannel("A")) > 127)
    for _ in range(TRIES):
        left, top = np.rint(rng.uniform(-0.3 * size, side - 0.7 * size)).astype(int)
        layer = _paste(picture, index, side, (int(left), int(top)))
        taken = covered(layer)
        if np.count_nonzero(taken) >= LEAST_INSIDE * whole and _leaves_in_sight(taken, below):
            return layer
    return None


def _vary(design: Image.Image, index: int, side: int, rng: np.random.Generator) -> Image.Image:
    """Return a design scaled, mirrored, turned and tinted at random."""
    smallest, largest = OBJECT_SIZES if index else DISTRACTOR_SIZES
    scale = rng.uniform(smallest, largest) * side / max(design.size)
    width, height = (max(1, round(length * scale)) for length in design.size)
    picture = design.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    if rng.random() < 0.5:
        picture = ImageOps.mirror(picture)
    turn = rng.uniform(-LARGEST_TURN, LARGEST_TURN)
    picture = picture.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    gain = rng.uniform(0.88, 1.08, size=3) * rng.uniform(0.75, 1.1)
    tinted = np.asarray(picture, dtype=np.float32) * np.array([*gain, 1.0], np.float32)
    return Image.fromarray(np.minimum(tinted, 255).astype(np.uint8))


def _paste(picture: Image.Image, index: int, side: int, corner: tuple[int, int]) -> Layer:
    frame = Image.new("RGBA", (side, side))
    frame.paste(picture, corner)
    pixels = np.asarray(frame, dtype=np.float32)
    return Layer(index, pixels[..., :3], pixels[..., 3] / np.float32(255))


def _leaves_in_sight(taken: NDArray[np.bool_], below: Sequence[Layer]) -> bool:
    """Tell whether each object below keeps enough uncovered, counting all that lies above it."""
    for layer in reversed(below):
        own = covered(layer)
        if np.count_nonzero(own & ~taken) < LEAST_UNCOVERED * np.count_nonzero(own):
            return False
        taken = taken | own
    return True
