"""How sure a network is of a pre-label: of each class, and of the image."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from decouplednet.classes import BACKGROUND, IGNORE, ClassList
from decouplednet.inference.prediction import Prediction

BACKGROUND_NAME = "background"


def confidences(
    prediction: Prediction, sure: NDArray[np.float32], classes: ClassList
) -> dict[str, float]:
    """Return the confidence of background and each class that was looked for, in [0, 1].

    It is the mean certainty of the pixels that the class won, and 0 for a class that won none.
    Pixels that are left open count too: what is shown of an image makes nobody surer of it.

    Args:
        prediction: the label map and the classes that were looked for.
        sure: (H, W) certainty of each pixel, in [0, 1].
        classes: of the model.
    """
    labels = prediction.label_map.ravel()
    pixels = np.bincount(labels, minlength=IGNORE + 1)
    total = np.bincount(labels, weights=sure.ravel(), minlength=IGNORE + 1)
    index_of = {BACKGROUND_NAME: BACKGROUND}
    index_of |= {name: classes.index(name) for name in prediction.identified}
    return {
        name: float(total[index] / pixels[index]) if pixels[index] else 0.0
        for name, index in index_of.items()
    }


def image_confidence(of_class: Mapping[str, float]) -> float:
    """Return the confidence of an image: the mean over background and its classes.

    Each class counts the same, as it does in the mean IoU of the image, which this ranks best:
    on photographs that were held out, the surest first, a mean over all pixels, the smallest class
    alone, and the overlap that the network expects of its own maps ranked worse (docs, how to
    pre-label).

    Args:
        of_class: confidence of background and each class that was looked for, in [0, 1].
    """
    return sum(of_class.values()) / len(of_class)
