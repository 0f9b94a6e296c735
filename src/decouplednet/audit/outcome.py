"""What an audit found."""

from collections.abc import Mapping
from dataclasses import dataclass

from decouplednet.audit.suspicion import Suspicion


@dataclass(frozen=True, slots=True)
class Audit:
    """The ranked list, and what it was made from.

    Args:
        data: name of the data set's folder.
        model_classes: all classes of the model, in its order.
        tagged: of each class that was audited, how many images are tagged with it.
        images: how many were audited.
        ranked: tags that are probably wrong or missing, most probable first.
        unjudged: classes that the model alone judged, see ``judge``.
        failures: one line for each image that could not be read.
    """

    data: str
    model_classes: tuple[str, ...]
    tagged: Mapping[str, int]
    images: int
    ranked: tuple[Suspicion, ...]
    unjudged: tuple[str, ...]
    failures: tuple[str, ...]
