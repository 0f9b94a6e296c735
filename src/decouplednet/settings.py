"""Everything a training run can be told, as frozen models, read from TOML and ``--set``.

``None`` means "chosen for you": the run fills it in before it starts, prints what it chose, and
writes it to ``settings.toml`` of the run folder.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    ValidationError,
    field_validator,
    model_validator,
)

from decouplednet.errors import SettingsError, UsageError
from decouplednet.recipe import laid_over, read_recipe, toml_lines
from decouplednet.retired_settings import leave_out_retired
from decouplednet.setting_faults import sentence
from decouplednet.stage_settings import (
    MOST,
    ClassifierSettings,
    Count,
    CountOrZero,
    Frozen,
    Minutes,
    Scales,
    SegmenterSettings,
    SelfTrainingSettings,
    Share,
)

PresetName = Literal["light", "vgg16", "skip", "fast", "tiny", "tiny-skip", "modern"]


class DataSettings(Frozen):
    """Which images give tags, which give masks, which are only scored, and which classes count."""

    tags_split: str | None = Field(
        None, description="split whose images give tags; None: every tagged image not held out"
    )
    masks_split: str | None = Field(
        None, description="split whose images give masks; None: every mask not held out"
    )
    validation_split: str | None = Field(
        None, description="split that is only scored; None: a seeded share of the masked images"
    )
    held_out: Share = Field(
        0.2, ge=0, lt=1, description="share of the masked images held out without validation_split"
    )
    calibration_share: Share = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the tagged images without a drawn mask that nothing learns from; "
        "their tags turn class scores into probabilities that can be believed",
    )
    classes: tuple[str, ...] | None = Field(
        None, description="the classes to learn, in this order; None: all of the data set"
    )
    others: Literal["ignore", "background"] = Field(
        "ignore", description="what pixels of classes left out become: 255, or background"
    )
    masks_classes: tuple[str, ...] | None = Field(
        None,
        description="the classes whose masks are learnt; the others are learnt from their tags "
        "alone, and their pixels in masks count as 255. None: all",
    )

    @field_validator("classes", "masks_classes", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(","))
        return value


class PredictionSettings(Frozen):
    """How the model predicts; recorded in the model."""

    threshold: Share = Field(
        0.5, ge=0, le=1, description="a class is identified above this probability"
    )
    threshold_choice: Literal["fixed", "calibrated"] = Field(
        "fixed",
        description="fixed: threshold for all classes; calibrated: for each class the one that "
        "finds its tags best (by F1) on the images of data.calibration_share",
    )
    veto: Literal["hard", "soft"] = Field(
        "hard",
        description="hard: an identified class claims pixels like any other, as in the paper; "
        "soft: its map is multiplied by its probability over that of the most probable class",
    )
    flip: bool = Field(False, description="see each image mirrored too, and average")
    scales: Scales = Field(
        (1.0,),
        description="one to eight sides in which an image is seen, as shares of the frame's, each "
        "at most 8; rounded to sides that the preset takes, the smallest at least, and averaged",
    )
    refinement: Literal["none", "guided"] = Field(
        "none",
        description="guided: a guided filter draws the maps to the edges of the image before the "
        "largest wins; small and thin objects often lose by it",
    )
    refinement_radius: Share = Field(
        0.02, gt=0, le=1, description="how far an edge draws a map, as share of the long side"
    )
    refinement_contrast: Share = Field(
        0.03, gt=0, le=1, description="difference of grey levels in [0, 1] that is an edge"
    )


class ComputeSettings(Frozen):
    """Where and how precisely the run computes."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: a GPU if there is one"
    )
    devices: Count = Field(1, description="number of devices of that kind")
    precision: Literal["auto", "32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 where the hardware multiplies it natively, else 32"
    )
    workers: CountOrZero = Field(0, description="processes that read images beside the training")
    cache_gigabytes: NonNegativeFloat = Field(
        4.0, le=MOST, description="most disk for what the frozen network computed; 0: keep nothing"
    )


class Settings(Frozen):
    """One training run; the defaults suit a laptop and a VGG-16 started from ImageNet."""

    preset: PresetName = Field(
        "light", description="the network: its sizes, and switches or skips for its decoder"
    )
    backbone: str | None = Field(
        None,
        description="what preset modern sees with, and only it: a backbone of transformers by its "
        "name on the Hugging Face hub, such as facebook/dinov2-small, or a folder with its "
        "config.json",
    )
    side: Count | None = Field(
        None,
        description="side of the square frame, in pixels, a multiple of the preset's stride: 16 "
        "for skip and fast, the backbone's for modern, 32 for the others; None: the preset's",
    )
    minutes: Minutes | None = Field(
        None,
        description="time that the whole run may take, features, scores and report included; the "
        "stages end by the clock, and what is not given is chosen to fit: preset, "
        "self_training.enabled, side, segmenter.side, classifier.views, and with preset skip "
        "prediction.veto, prediction.flip and prediction.threshold. None: the stages end by their "
        "updates",
    )
    seed: NonNegativeInt = Field(0, lt=2**63, description="fixes every random choice of the run")
    data: DataSettings = DataSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    segmenter: SegmenterSettings = SegmenterSettings()
    self_training: SelfTrainingSettings = SelfTrainingSettings()
    prediction: PredictionSettings = PredictionSettings()
    compute: ComputeSettings = ComputeSettings()

    if not TYPE_CHECKING:  # type checkers and editors know the fields from the class itself

        def __init__(self, /, **given: Any) -> None:
            """Make settings of values by name, sections as models or mappings.

            Raises:
                SettingsError: a name is unknown, or a value is out of range.
            """
            try:
                super().__init__(**given)
            except ValidationError as faults:
                raise SettingsError(sentence(type(self), faults)) from None

    @model_validator(mode="after")
    def _modern_fits(self) -> Self:
        modern, weights = self.preset == "modern", self.classifier.weights
        if modern and not self.backbone:
            raise ValueError(
                'preset = "modern" needs backbone: a name on the Hugging Face hub, such as '
                "facebook/dinov2-small, or a folder with its config.json"
            )
        if not modern and self.backbone is not None:
            raise ValueError(
                f'backbone = "{self.backbone}" goes with preset = "modern", and only with it; '
                f'this preset is "{self.preset}"'
            )
        if modern and weights not in (None, "backbone", "none"):
            raise ValueError(
                f'[classifier] weights = "{weights}": preset modern starts from "backbone", the '
                'weights that come with its backbone, or from "none"'
            )
        if not modern and weights == "backbone":
            raise ValueError('[classifier] weights = "backbone" goes with preset = "modern" alone')
        return self

    @classmethod
    def read(
        cls, file: Path | str | None, changes: Iterable[str] = (), *, to_train: bool = True
    ) -> Self:
        """Return the settings of a recipe with changes laid over them.

        Args:
            file: a TOML recipe; None starts from the defaults. A relative path in
                ``classifier.weights`` counts from the working directory.
            changes: each ``section.key=value`` or ``key=value``, as given to ``--set``.
            to_train: something will be trained by them. Without, settings of an earlier version
                that were taken out since are passed over whatever their value.

        Raises:
            SettingsError: the recipe is no TOML, or has an unknown key, a value out of range, or,
                to train, retired settings at values that changed something.
            UsageError: a change names no setting, or its value is out of range.
        """
        if isinstance(changes, str):
            raise UsageError(
                f"changes is the text {changes!r}; expected a list of changes, such as ['seed=1']"
            )
        changes = tuple(changes)
        given = read_recipe(Path(file)) if file else {}
        leave_out_retired(given, str(file), laid_over(given, changes), to_train=to_train)
        cls._checked(given, str(file), SettingsError)
        return cls._checked(laid_over(given, changes), "--set", UsageError)

    @classmethod
    def _checked(cls, given: dict[str, Any], where: str, error: type[Exception]) -> Self:
        try:
            return cls(**given)
        except SettingsError as fault:
            raise error(f"{where}: {fault}") from None

    def gives(self, name: str) -> bool:
        """Return whether a setting was given and is not left to be chosen.

        Args:
            name: as in ``--set``.

        >>> settings = Settings(segmenter={"side": 96})
        >>> settings.gives("segmenter.side"), settings.gives("segmenter.images_per_update")
        (True, False)
        """
        *sections, key = name.split(".")
        place: BaseModel = self
        for section in sections:
            place = getattr(place, section)
        return key in place.model_fields_set and getattr(place, key) is not None

    def changed(self, values: Mapping[str, object]) -> Self:
        """Return the settings with some changed, which count as given from then on.

        Args:
            values: by name as in ``--set``.

        Raises:
            SettingsError: a name is unknown, or a value is out of range.

        >>> Settings().changed({"segmenter.side": 96}).segmenter.side
        96
        """
        given = self.model_dump(exclude_unset=True)
        for name, value in values.items():
            *sections, key = name.split(".")
            place = given
            for section in sections:
                place = place.setdefault(section, {})
            place[key] = value
        return type(self)(**given)

    def filled(self, values: Mapping[str, object]) -> Self:
        """Return the settings with those of the values that are not given, see ``gives``.

        Args:
            values: by name as in ``--set``.

        Raises:
            SettingsError: as ``changed``.

        >>> settings = Settings(side=96).filled({"side": 160, "seed": 3})
        >>> settings.side, settings.seed
        (96, 3)
        """
        return self.changed({name: v for name, v in values.items() if not self.gives(name)})

    def to_toml(self) -> str:
        """Return the settings as TOML that ``read`` accepts; unset values are left out."""
        return "".join(toml_lines(self.model_dump(exclude_none=True, mode="json")))
