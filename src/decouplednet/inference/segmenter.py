"""A trained model as one value: networks, classes, and how an image is seen."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from decouplednet.annotations.images import allowing_pixels
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.errors import ModelError
from decouplednet.inference.pixels import AnyImage, pixels_of
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.procedure import Procedure
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
            DataError: the image cannot be read, or a tag is no class of the model; the message
                names the nearest one.
            SettingsError: the threshold is no probability, or the tile is too small.
        """
        predictor = self.predictor(threshold=threshold)
        by = predictor if tile is None else TiledPredictor(predictor=predictor, tile=tile)
        with allowing_pixels(0 if tile is None else MOST_PIXELS):
            pixels = pixels_of(image)
        return by.predict([pixels], [tags])[0]
