"""From images and their tags to pre-labels, in terms of the data set's classes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from decouplednet.annotations.masks import index_table
from decouplednet.classes import IGNORE, ClassList
from decouplednet.inference.certainty import LeastCertainty, certainty
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.reading import Image
from decouplednet.inference.tiles import TiledPredictor
from decouplednet.prelabel.confidence import confidences, image_confidence
from decouplednet.prelabel.disagreements import Disagreement, Veto, disagreements


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """What came of one image.

    Args:
        label_map: (H, W) uint8 ids of the data set's classes, 0 background, 255 where the network
            is not sure enough.
        confidence: of the image, in [0, 1].
        of_class: confidence of background and each class that was looked for, in [0, 1]; 0 of a tag
            that the model does not know.
        disagreements: of its tags and the model.
        unsure: share of the pixels that are 255, in [0, 1].
    """

    label_map: NDArray[np.uint8]
    confidence: float
    of_class: dict[str, float]
    disagreements: tuple[Disagreement, ...]
    unsure: float


@dataclass(frozen=True, eq=False)
class Labeller:
    """Segment images under their tags.

    Classes of the model are matched with those of the data set by name; the others are never looked
    for.

    Args:
        seeing: predicts the images, as a whole or in tiles.
        classes: those of the data set.
        veto: what tags forbid.
        least: from which certainty on pixels are kept; None: all are.
    """

    seeing: Predictor | TiledPredictor
    classes: ClassList
    veto: Veto
    least: LeastCertainty | None = None

    @cached_property
    def known(self) -> tuple[str, ...]:
        """The classes that both the model and the data set know, in the model's order."""
        return tuple(name for name in self.seeing.classes if name in self.classes)

    def label(
        self, images: Sequence[Image], tags: Sequence[Collection[str] | None]
    ) -> list[Labelled]:
        """Return the pre-labels of images.

        One in which the model suggests a class is seen once more, with that class.

        Args:
            images: B arrays (H, W, 3) uint8 RGB, of any sizes.
            tags: of each, in terms of the data set; None: the model decides.

        Raises:
            DataError: an image is no RGB array.
            ModelError: the network's output is not finite.
        """
        told = [None if of is None else frozenset(self.known).intersection(of) for of in tags]
        seen = self.seeing.predict(images, told)
        pairs = [*zip(seen, tags, strict=True)]
        wanted = [self._wanted(prediction, of) for prediction, of in pairs]
        again = [
            place
            for place, prediction in enumerate(seen)
            if frozenset(prediction.identified) != wanted[place]
        ]
        if again:
            anew = self.seeing.predict(
                [images[place] for place in again], [wanted[place] for place in again]
            )
            for place, prediction in zip(again, anew, strict=True):
                seen[place] = prediction
        return [self._labelled(prediction, of) for prediction, of in zip(seen, tags, strict=True)]

    def _wanted(self, prediction: Prediction, tags: Collection[str] | None) -> frozenset[str]:
        """Return the classes to segment in an image that was seen once."""
        return self.veto.looked_for(tags, self._identified(prediction), self._known(prediction))

    def _known(self, prediction: Prediction) -> dict[str, float]:
        """Return the probability of each class that the data set has too."""
        return {name: prediction.scores[name] for name in self.known}

    def _identified(self, prediction: Prediction) -> frozenset[str]:
        """Return the classes that the model finds by itself, whatever the tags say."""
        predictor = self.seeing if isinstance(self.seeing, Predictor) else self.seeing.predictor
        probability = torch.tensor([prediction.scores[name] for name in predictor.classes])
        found = predictor.procedure.identified(probability, predictor.threshold).tolist()
        return frozenset(
            name for name, there in zip(predictor.classes, found, strict=True) if there
        )

    def _labelled(self, prediction: Prediction, tags: Collection[str] | None) -> Labelled:
        classes = self.seeing.classes
        label_map = index_table(classes, self.classes, "ignore")[prediction.label_map]
        counts = np.bincount(label_map.ravel(), minlength=IGNORE + 1) / label_map.size
        disagreeing = disagreements(
            tags,
            self._identified(prediction),
            prediction.identified,
            self._known(prediction),
            {name: float(counts[index]) for index, name in enumerate(self.classes, start=1)},
        )
        sure = certainty(prediction)
        missed = {name: 0.0 for name in tags or () if name not in self.known}
        of_class = confidences(prediction, sure, classes) | missed
        unsure = 0.0
        if self.least is not None:
            opened = self.least.unsure(prediction.label_map, sure, classes)
            label_map[opened] = IGNORE
            unsure = float(opened.mean())
        confidence = image_confidence(of_class)
        return Labelled(label_map, confidence, of_class, tuple(disagreeing), unsure)
