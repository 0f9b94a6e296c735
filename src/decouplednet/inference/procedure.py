"""How a model predicts: how it reads its class scores, and in how many views it sees an image."""

import json
from collections.abc import Iterable
from typing import Annotated, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError
from torch import Tensor

from decouplednet.counts import count
from decouplednet.errors import ModelError
from decouplednet.settings import PredictionSettings
from decouplednet.stage_settings import Scales

THRESHOLD = 0.5
"""A class is identified above this probability (PAPER.md, inference)."""

_Probability = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
_Number = Annotated[float, Field(allow_inf_nan=False)]


class Calibration(BaseModel):
    """What turns the class scores of a network into probabilities that can be believed.

    Attributes:
        slope: (L,) each class's score is multiplied by, above 0.
        offset: (L,) added to it after that, before the sigmoid.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    slope: tuple[PositiveFloat, ...]
    offset: tuple[_Number, ...]


class Procedure(BaseModel):
    """How a model predicts; the default is the paper's.

    Attributes:
        threshold: a class is identified above this probability.
        thresholds: (L,) the same for each class; None: ``threshold`` for all.
        veto: what an identified class may claim: ``hard``, every pixel alike; ``soft``, the more
            the more probable it is beside the other identified classes.
        calibration: of the scores; None: the sigmoid alone.
        withheld: (L,) whether the f_cls of a class is withheld from the bridge, which no mask
            taught it; None: that of none.
        flip: also see each image mirrored, and average.
        scales: sides of the frames in which an image is seen, as shares of the model's; rounded to
            sides that the network takes, the smallest at least, and averaged.
        refinement: ``guided`` draws the maps to the edges of the image before the largest wins.
        refinement_radius: how far an edge draws a border, as a share of the image's long side.
        refinement_contrast: see ``refine``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    threshold: float = Field(THRESHOLD, ge=0, le=1)
    thresholds: tuple[_Probability, ...] | None = None
    veto: Literal["hard", "soft"] = "hard"
    calibration: Calibration | None = None
    withheld: tuple[bool, ...] | None = None
    flip: bool = False
    scales: Scales = (1.0,)
    refinement: Literal["none", "guided"] = "none"
    refinement_radius: float = Field(0.02, gt=0, le=1)
    refinement_contrast: float = Field(0.03, gt=0, le=1)

    @classmethod
    def from_dict(cls, values: object, class_count: int) -> Self:
        """Return the procedure of ``to_dict``, as it comes back from JSON.

        Args:
            values: JSON values.
            class_count: L.

        Raises:
            ModelError: a key is unknown, holds a value of another kind, or the calibration or the
                thresholds are not those of L classes.
        """
        try:
            procedure = cls.model_validate_json(json.dumps(values))
        except ValidationError as faults:
            first = faults.errors()[0]
            name = ".".join(["prediction", *(str(part) for part in first["loc"])])
            raise ModelError(f"{name}: {first['msg']}") from None
        for name, numbers in procedure._of_classes().items():
            if len(numbers) != class_count:
                raise ModelError(
                    f"prediction.{name}: {len(numbers)} values for the model's "
                    f"{class_count} classes"
                )
        return procedure

    def _of_classes(self) -> dict[str, tuple[object, ...]]:
        """Return what holds a value for each class, by its name in JSON."""
        numbers: dict[str, tuple[object, ...]] = {}
        if self.thresholds is not None:
            numbers["thresholds"] = self.thresholds
        if self.withheld is not None:
            numbers["withheld"] = self.withheld
        if self.calibration is not None:
            numbers["calibration.slope"] = self.calibration.slope
            numbers["calibration.offset"] = self.calibration.offset
        return numbers

    def to_dict(self) -> dict[str, object]:
        """Return the procedure as values that JSON can hold."""
        return self.model_dump(mode="json")

    def in_words(self, names: Iterable[str] = (), *, above: str | None = None) -> str:
        """Return the procedure as people read it.

        Args:
            names: (L,) of the classes, whose own thresholds are told if there are any.
            above: what to say of thresholds that are not known yet; None: they are known.

        >>> Procedure(veto="soft", threshold=0.2, scales=(1.0, 1.5), flip=True).in_words()
        'classes above 0.2, soft veto, in 2 sizes (1, 1.5), mirrored too'
        """
        above, named = above or f"{self.threshold:g}", tuple(names)
        if self.thresholds is not None and named:
            of_each = zip(named, self.thresholds, strict=True)
            above = ", ".join(f"{name} {threshold:.2g}" for name, threshold in of_each)
        sizes = ", ".join(f"{scale:g}" for scale in self.scales)
        parts = (
            f"classes above {above}",
            f"{self.veto} veto",
            "calibrated probabilities" if self.calibration else "",
            f"in {count(len(self.scales), 'size')} ({sizes})" if self.scales != (1.0,) else "",
            "mirrored too" if self.flip else "",
            f"{self.refinement} refinement" if self.refinement != "none" else "",
        )
        return ", ".join(part for part in parts if part)

    def probability(self, score: Tensor) -> Tensor:
        """Return the (B, L) probabilities of (B, L) class scores."""
        if self.calibration is None:
            return score.sigmoid()
        slope, offset = score.new_tensor([self.calibration.slope, self.calibration.offset])
        calibrated: Tensor = slope * score + offset
        return calibrated.sigmoid()

    def identified(self, probability: Tensor, threshold: float | None = None) -> Tensor:
        """Return (B, L) bool, which classes are above their thresholds.

        Args:
            probability: (B, L) of each class.
            threshold: in place of those of the procedure, for all classes; None: those.
        """
        if threshold is None and self.thresholds is not None:
            return probability > probability.new_tensor(self.thresholds)
        return probability > (self.threshold if threshold is None else threshold)

    def shown(self, present: Tensor) -> Tensor | None:
        """Return which classes have their f_cls shown in each map, (M, L) bool; None: all.

        Args:
            present: (M, L), the classes that may be on the image of each map.
        """
        if self.withheld is None:
            return None
        shown = ~torch.tensor(self.withheld, device=present.device)
        return shown.expand(present.shape)

    def claims(self, probability: Tensor, asked: Tensor) -> Tensor:
        """Return how much each class may claim of the pixels of an image.

        Args:
            probability: (L,) of each class.
            asked: (L,) bool, the classes that are looked for by their probability.

        Returns:
            (L,) in [0, 1]: all 1 for a hard veto; for a soft one the probability of each asked
            class over that of the most probable of them, 0 for the others.
        """
        if self.veto == "hard":
            return torch.ones_like(probability)
        asked_probability = torch.where(asked, probability, 0.0)
        largest = asked_probability.amax()
        return asked_probability / largest if largest > 0 else asked_probability


def procedure_of(settings: PredictionSettings) -> Procedure:
    """Return how a model predicts by the settings of its run, before anything is calibrated."""
    return Procedure(**settings.model_dump(exclude={"threshold_choice"}))
