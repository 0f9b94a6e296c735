"""A trained model as one value: networks, classes, and how an image is seen."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from decouplednet.annotations.images import allowing_pixels, image_size
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame, check_pixels
from decouplednet.errors import ModelError
from decouplednet.inference.pixels import AnyImage, pixels_of
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.procedure import Procedure
from decouplednet.inference.reading import size_of
from decouplednet.inference.room import Room, TiledImage, room_for
from decouplednet.inference.tiles import MOST_PIXELS, TiledPredictor
from decouplednet.networks.decouplednet import DecoupledNet


@dataclass(frozen=True, slots=True, eq=False)
class Segmenter:
    """Predict which classes are in an image, and which pixels are theirs.

    Args:
        network: on the device where it is to compute.
        classes: L of them, in the order of the network's scores.
        frame: how the network sees an image.
        preset: name of the sizes the network was built with.
        training: what is recorded of the training, as JSON values; ``others`` says what pixels of
            classes left out were: ``ignore`` or ``background``.
        procedure: how it predicts.
        precision: type of the matrix products; None for float32 throughout.
    """

    network: DecoupledNet
    classes: ClassList
    frame: Frame
    preset: str
    training: Mapping[str, Any]
    procedure: Procedure = field(default_factory=Procedure)
    precision: torch.dtype | None = None

    def __repr__(self) -> str:
        """Return one line; the network alone would take a hundred."""
        return (
            f"Segmenter(preset={self.preset!r}, classes={self.classes.names}, "
            f"side={self.frame.side}, device={str(self.device)!r})"
        )

    @property
    def device(self) -> torch.device:
        """The device that the network is on."""
        return next(self.network.parameters()).device

    @property
    def others(self) -> Literal["ignore", "background"]:
        """What pixels of classes that are not the model's were in training; 255 if not recorded.

        Raises:
            ModelError: something else is recorded.
        """
        recorded = self.training.get("others", "ignore")
        if recorded == "background":
            return "background"
        if recorded == "ignore":
            return "ignore"
        raise ModelError(f"training.others is {recorded!r}: expected 'ignore' or 'background'")

    def predictor(
        self,
        *,
        threshold: float | None = None,
        precision: torch.dtype | Literal["model"] | None = "model",
    ) -> Predictor:
        """Return what predicts batches of images.

        Args:
            threshold: a class is identified above this probability, in [0, 1]; None: the model's.
            precision: type of the matrix products; None for float32 throughout, though kernels that
                were loaded in half precision stay so.
        """
        return Predictor(
            network=self.network,
            classes=self.classes,
            frame=self.frame,
            device=self.device,
            precision=self.precision if precision == "model" else precision,
            threshold=threshold,
            procedure=self.procedure,
            others=self.others,
        )

    def predict(
        self,
        image: AnyImage,
        tags: Collection[str] | None = None,
        threshold: float | None = None,
        tile: int | None = None,
    ) -> Prediction:
        """Return what is in one image and where, at its own size.

        Args:
            image: a file, a Pillow image (both turned upright by EXIF), or (H, W, 3) uint8 RGB.
            tags: the classes known to be in the image, which replace the gate; none of them in an
                empty collection. None: the network decides.
            threshold: a class is identified above this probability, in [0, 1]; None: the model's.
            tile: an image larger than this is seen in tiles of so many pixels a side, see
                ``TiledPredictor``; None: every image is seen as a whole.

        Raises:
            DataError: the image cannot be read, or takes more memory in tiles than is available, or
                a tag is no class of the model; the message names the nearest one.
            SettingsError: the threshold is no probability, or the tile is too small.
        """
        predictor = self.predictor(threshold=threshold)
        if tile is None:
            return predictor.predict([pixels_of(image)], [tags])[0]
        tiled = TiledPredictor(predictor=predictor, tile=tile)
        with allowing_pixels(MOST_PIXELS):
            pixels = _fitting(image, tags, room_for(tiled))
        return tiled.predict([pixels], [tags])[0]


def _fitting(image: AnyImage, tags: Collection[str] | None, room: Room) -> NDArray[np.uint8]:
    """Return the pixels of an image that can be seen in tiles, whose given classes keep their maps.

    Raises:
        DataError: it cannot be read, or does not fit.
    """
    given = len(tags) if isinstance(tags, Collection) else None
    if isinstance(image, Path | str):
        size = image_size(Path(image))
        room.check(image, TiledImage(size, given, kept=given or 0))
        return pixels_of(image)
    pixels = pixels_of(image)
    check_pixels(pixels)
    room.check("the image", TiledImage(size_of(pixels), given, kept=given or 0, held=True))
    return pixels
