"""Everything a training run can be told, as frozen models, read from TOML and ``--set``.

``None`` means "chosen for you": the run fills it in before it starts, prints what it chose, and
writes it to ``settings.toml`` of the run folder.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    ValidationError,
    field_validator,
    model_validator,
)

from decouplednet.errors import SettingsError, UsageError
from decouplednet.recipe import lay_over, read_recipe, toml_lines
from decouplednet.setting_faults import sentence

PresetName = Literal["light", "vgg16", "skip", "tiny", "tiny-skip"]
Share = float
MOST = 10**9  # of whatever is counted; more is a slip of the keyboard
Count = Annotated[int, Field(gt=0, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
Minutes = Annotated[float, Field(gt=0, le=MOST)]


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )


class DataSettings(_Frozen):
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


class AugmentationSettings(_Frozen):
    """How one training image becomes many."""

    flip: bool = Field(True, description="mirror half of the images left to right")
    smallest_scale: Share = Field(
        0.6, gt=0, le=1, description="smallest long side of the image content, as share of side"
    )
    colour: Share = Field(
        0.3, ge=0, lt=1, description="largest relative change of brightness, contrast, saturation"
    )


class StageSettings(_Frozen):
    """What the two optimisations have in common. Abstract: each stage adds its own."""

    updates: Count | None = Field(
        None,
        description="number of updates of the weights; None: chosen for the data. With minutes, "
        "the schedule made for so many updates is stretched or shrunk to the time",
    )
    minutes: Minutes | None = Field(
        None,
        description="time that the stage may take, beside the features of frozen convolutions; "
        "its schedule and its end then follow the clock. None: they follow the updates",
    )
    updates_per_epoch: Count = Field(
        100, description="updates between two checkpoints; resuming continues from the last one"
    )
    images_per_update: Count = Field(description="images whose gradients make one update")
    images_per_step: Count | None = Field(
        None,
        description="images computed at once, a divisor of images_per_update; None: all. Batch "
        "normalisation sees this many",
    )
    optimizer: Literal["adamw", "sgd"] = Field(
        "adamw", description="AdamW, or SGD with momentum 0.9 whose biases learn at twice the rate"
    )
    learning_rate: PositiveFloat = Field(description="step size of the first update after warm-up")
    weight_decay: NonNegativeFloat = Field(0.01, description="decay of weights, not of biases")
    schedule: Literal["linear", "steps", "constant"] = Field(
        "linear", description="fall to zero, tenfold cuts every decay_every updates, or no change"
    )
    decay_every: Count | None = Field(
        None, description="updates between two tenfold cuts, for schedule = steps"
    )
    warmup_updates: CountOrZero = Field(
        20, description="updates over which the step size rises from zero, at most a tenth of all"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.images_per_step and self.images_per_update % self.images_per_step:
            raise ValueError(
                f"images_per_step = {self.images_per_step} must divide "
                f"images_per_update = {self.images_per_update}"
            )
        if (self.schedule == "steps") != (self.decay_every is not None):
            raise ValueError('decay_every goes with schedule = "steps", and only with it')
        return self


class ClassifierSettings(StageSettings):
    """Stage 1: the classification network, from tags."""

    images_per_update: Count = Field(64, description="images whose gradients make one update")
    learning_rate: PositiveFloat = Field(
        5e-4, description="step size of the first update after warm-up"
    )
    weights: str | None = Field(
        None,
        description='"imagenet" (fetched once), "none" (from scratch) or a safetensors file of '
        "VGG-16 convolutions; None: imagenet for the VGG presets, none for the tiny ones",
    )
    trained_groups: NonNegativeInt | None = Field(
        None,
        le=5,
        description="how many of the five groups of convolutions learn, counted from the last; the "
        "output of the others is computed once. None: all from scratch, none otherwise",
    )
    convolution_rate: PositiveFloat = Field(
        0.1, le=1, description="step size of convolutions that start from weights, as a share"
    )
    pooling: Literal["max", "log-sum-exp", "top-k"] = Field(
        "max",
        description="how the scores of all positions become one: the maximum, a soft maximum, or "
        "the mean of the highest; other than max spreads f_cls over more positions",
    )
    pooling_sharpness: PositiveFloat | None = Field(
        None, le=MOST, description="sharpness of pooling = log-sum-exp; None: 4"
    )
    pooling_count: Count | None = Field(
        None, description="how many scores pooling = top-k averages; None: 3"
    )
    dropout: Share = Field(0.5, ge=0, lt=1, description="share of fc6 and fc7 outputs dropped")
    largest_class_weight: PositiveFloat = Field(
        5.0,
        ge=1,
        description="present tags of a class count absent / present times, at most this often; "
        "1: classes are not balanced",
    )
    views: Count = Field(
        2,
        description="views of each image whose features are kept where groups are frozen; the "
        "first is the image itself, the others are augmented",
    )
    augmentation: AugmentationSettings = AugmentationSettings()

    @model_validator(mode="after")
    def _pooling_fits(self) -> Self:
        for name, given, pooling in (
            ("pooling_sharpness", self.pooling_sharpness, "log-sum-exp"),
            ("pooling_count", self.pooling_count, "top-k"),
        ):
            if given is not None and self.pooling != pooling:
                raise ValueError(f'{name} goes with pooling = "{pooling}", and only with it')
        return self


class SegmenterSettings(StageSettings):
    """Stage 2: bridging layers and segmentation network, from masks."""

    updates_per_epoch: Count = Field(
        50, description="updates between two checkpoints; resuming continues from the last one"
    )
    images_per_update: Count = Field(8, description="images whose gradients make one update")
    learning_rate: PositiveFloat = Field(
        5e-4, description="step size of the first update after warm-up"
    )
    side: Count | None = Field(
        None,
        multiple_of=32,
        description="side of the training windows, in pixels; None: that of the frame. Windows "
        "magnify what is asked for, so a smaller side than the frame's shows objects as large as "
        "prediction does, at a lower cost",
    )
    window_share: Share = Field(
        0.7, ge=0, le=1, description="share of samples cut around the asked-for classes"
    )
    warp_windows: bool = Field(
        False,
        description="warp each window to 350/320 of the frame and cut the frame out of it, as the "
        "paper does, instead of keeping its aspect ratio",
    )
    augmentation: AugmentationSettings = AugmentationSettings()
    statistics_batches: CountOrZero = Field(
        0, description="batches over which batch statistics are estimated again after training"
    )
    held_out: Share = Field(
        0.0, ge=0, lt=1, description="share of the training masks kept for early stopping"
    )
    patience: Count | None = Field(
        None, description="epochs without gain on the held-out share before training stops"
    )

    @model_validator(mode="after")
    def _patience_needs_masks(self) -> Self:
        if (self.patience is not None) != (self.held_out > 0):
            raise ValueError("patience and held_out go together: give both or neither")
        return self


class SelfTrainingSettings(StageSettings):
    """Stage 3: the whole network again, from masks and from its own labels of the tagged images.

    Windows are cut and varied as in stage 2.
    """

    enabled: bool = Field(False, description="whether there is a stage 3; the paper has none")
    updates: Count = Field(1500, description="number of updates of the weights")
    images_per_update: Count = Field(8, description="images whose gradients make one update")
    learning_rate: PositiveFloat = Field(
        5e-4, description="step size of bridge and decoder in the first update after warm-up"
    )
    head_rate: PositiveFloat = Field(
        0.2, le=1, description="step size of fc6, fc7 and the class scores, as a share"
    )
    convolution_rate: PositiveFloat = Field(
        0.06, le=1, description="step size of convolutions, as a share"
    )
    trained_groups: NonNegativeInt = Field(
        3,
        le=5,
        description="how many of the five groups of convolutions learn, counted from the last",
    )
    side: Count | None = Field(
        None, multiple_of=32, description="side of the windows, in pixels; None: stage 2's"
    )
    drawn_share: Share = Field(
        0.25, gt=0, lt=1, description="share of the windows that have a drawn mask"
    )
    pseudo_weight: NonNegativeFloat = Field(
        0.5, description="how much the pixels of a pseudo-mask count; those of a drawn mask: 1"
    )
    tag_weight: NonNegativeFloat = Field(
        0.5, description="how much the tags of a window count beside its pixels"
    )
    position_weight: NonNegativeFloat = Field(
        1.0, description="how much the class of each position counts beside the pixels"
    )
    held_out: Share = Field(
        0.2,
        gt=0,
        lt=1,
        description="share of the masks that stage 2 leaves out, to choose from which certainty "
        "on a pixel of a pseudo-mask is believed; stage 3 learns from all masks",
    )
    right: Share = Field(
        0.95,
        ge=0,
        lt=1,
        description="share of the believed pixels of held-out masks that should be right",
    )


class PredictionSettings(_Frozen):
    """How the model predicts; recorded in the model."""

    threshold: Share = Field(
        0.5, ge=0, le=1, description="a class is identified above this probability"
    )
    veto: Literal["hard", "soft"] = Field(
        "hard",
        description="hard: an identified class claims pixels like any other, as in the paper; "
        "soft: its map is multiplied by its probability over that of the most probable class",
    )
    flip: bool = Field(False, description="see each image mirrored too, and average")
    scales: tuple[PositiveFloat, ...] = Field(
        (1.0,),
        min_length=1,
        description="sides in which an image is seen, as shares of the frame's; averaged",
    )


class ComputeSettings(_Frozen):
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


class Settings(_Frozen):
    """One training run; the defaults suit a laptop and a VGG-16 started from ImageNet."""

    preset: PresetName = Field(
        "light", description="the network: its sizes, and switches or skips for its decoder"
    )
    side: Count | None = Field(
        None, multiple_of=32, description="side of the square frame, in pixels; None: the preset's"
    )
    minutes: Minutes | None = Field(
        None,
        description="time that the whole run may take, features, scores and report included; the "
        "stages end by the clock, and what is not given is chosen to fit: preset, side, "
        "segmenter.side, classifier.views. None: the stages end by their updates",
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

    @classmethod
    def read(cls, file: Path | str | None, changes: Iterable[str] = ()) -> Self:
        """Return the settings of a recipe with changes laid over them.

        Args:
            file: a TOML recipe; None starts from the defaults. A relative path in
                ``classifier.weights`` counts from the working directory.
            changes: each ``section.key=value`` or ``key=value``, as given to ``--set``.

        Raises:
            SettingsError: the recipe is no TOML, or has an unknown key or a value out of range.
            UsageError: a change names no setting, or its value is out of range.
        """
        if isinstance(changes, str):
            raise UsageError(
                f"changes is the text {changes!r}; expected a list of changes, such as ['seed=1']"
            )
        given = read_recipe(Path(file)) if file else {}
        cls._checked(given, str(file), SettingsError)
        for change in changes:
            lay_over(given, change)
        return cls._checked(given, "--set", UsageError)

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

    def to_toml(self) -> str:
        """Return the settings as TOML that ``read`` accepts; unset values are left out."""
        return "".join(toml_lines(self.model_dump(exclude_none=True, mode="json")))
