"""Settings of the training stages, and what all settings have in common."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    model_validator,
)

Share = float
MOST = 10**9  # of whatever is counted or weighed; more is a slip of the keyboard
BLUNTEST = 0.01  # sharpness of log-sum-exp; below it single precision blurs the mean it tends to
Count = Annotated[int, Field(gt=0, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
Minutes = Annotated[float, Field(gt=0, le=MOST)]
Rate = Annotated[float, Field(gt=0, le=MOST)]
Weight = Annotated[float, Field(ge=0, le=MOST)]
Scale = Annotated[float, Field(gt=0, le=8)]
"""Side of a view as a share of the frame's; a larger one is a slip of the keyboard."""
MOST_SCALES = 8
"""Views of other sides that one image may be seen in."""
Scales = Annotated[tuple[Scale, ...], Field(min_length=1, max_length=MOST_SCALES)]


POOLING_NUMBERS = {"pooling_sharpness": "log-sum-exp", "pooling_top_share": "top-k"}
"""The settings of stage 1 that one pooling of scores takes, and which one."""


class Frozen(BaseModel):
    """Settings that never change and take no unknown name. Abstract."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )


class AugmentationSettings(Frozen):
    """How one training image becomes many."""

    flip: bool = Field(True, description="mirror half of the images left to right")
    smallest_scale: Share = Field(
        0.6, gt=0, le=1, description="smallest long side of the image content, as share of side"
    )
    colour: Share = Field(
        0.3, ge=0, lt=1, description="largest relative change of brightness, contrast, saturation"
    )


class StageSettings(Frozen):
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
    learning_rate: Rate = Field(description="step size of the first update after warm-up")
    weight_decay: Weight = Field(0.01, description="decay of weights, not of biases")
    schedule: Literal["linear", "steps", "constant"] = Field(
        "linear", description="fall to zero, tenfold cuts every decay_every updates, or no change"
    )
    decay_every: Count | None = Field(
        None, description="updates between two tenfold cuts, for schedule = steps"
    )
    warmup_updates: CountOrZero = Field(
        20, description="updates over which the step size rises from zero, at most a tenth of all"
    )
    average: Share = Field(
        0.0,
        ge=0,
        lt=1,
        description="the stage ends with the weights and batch statistics of all its updates "
        "averaged, each update counting this share of the next; 0.99 looks back on about 100. "
        "0: with those of its last update",
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
    learning_rate: Rate = Field(5e-4, description="step size of the first update after warm-up")
    weights: str | None = Field(
        None,
        description='"imagenet" (fetched once), "none" (from scratch), a safetensors file of '
        'VGG-16 convolutions, or, for preset modern, "backbone" (what comes with it); None: '
        "imagenet for the VGG presets, none for the tiny ones, backbone for modern",
    )
    trained_groups: NonNegativeInt | None = Field(
        None,
        le=5,
        description="how many of the five groups of convolutions learn, counted from the last; the "
        "output of the others is computed once. A backbone is one group. None: all from scratch, "
        "none otherwise",
    )
    convolution_rate: PositiveFloat = Field(
        0.1, le=1, description="step size of convolutions that start from weights, as a share"
    )
    pooling: Literal["max", "log-sum-exp", "top-k"] | None = Field(
        None,
        description="how the scores of all positions become one: the maximum, a soft maximum, or "
        "the mean of the highest; other than max spreads f_cls over more positions. None: top-k "
        "for the presets skip, fast and modern, max, as in the paper, for the others",
    )
    pooling_sharpness: float | None = Field(
        None, ge=BLUNTEST, le=MOST, description="sharpness of pooling = log-sum-exp; None: 4"
    )
    pooling_top_share: Share | None = Field(
        None,
        gt=0,
        le=1,
        description="share of the positions whose scores, the highest, pooling = top-k averages; "
        "1: the mean of all; None: 0.25",
    )
    dropout: Share = Field(0.5, ge=0, lt=1, description="share of fc6 and fc7 outputs dropped")
    largest_class_weight: float = Field(
        5.0,
        ge=1,
        le=MOST,
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
        for name, pooling in POOLING_NUMBERS.items():
            if getattr(self, name) is not None and self.pooling not in (None, pooling):
                raise ValueError(f'{name} goes with pooling = "{pooling}", and only with it')
        return self


class SegmenterSettings(StageSettings):
    """Stage 2: bridging layers and segmentation network, from masks."""

    updates_per_epoch: Count = Field(
        50, description="updates between two checkpoints; resuming continues from the last one"
    )
    images_per_update: Count = Field(8, description="images whose gradients make one update")
    learning_rate: Rate = Field(5e-4, description="step size of the first update after warm-up")
    side: Count | None = Field(
        None,
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
    saliency_dropout: Share | None = Field(
        None,
        ge=0,
        lt=1,
        description="share of the samples that are learnt without f_cls, by class evidence alone, "
        "so that a class can be found whose f_cls no mask taught; for the presets skip, fast, "
        "tiny-skip and modern. None: 0.5 with data.masks_classes and such a preset, else 0",
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
    images: Count | None = Field(
        None,
        description="most images that are labelled, drawn at random among the tagged ones without "
        "a drawn mask. None: as many as windows are drawn from",
    )
    updates: Count = Field(1500, description="number of updates of the weights")
    minutes: Minutes | None = Field(
        None,
        description="time that the stage may take, its pseudo-masks included; its schedule and "
        "its end then follow the clock. None: they follow the updates",
    )
    images_per_update: Count = Field(8, description="images whose gradients make one update")
    learning_rate: Rate = Field(
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
        description="how many of the five groups of convolutions learn, counted from the last; "
        "with preset modern 1, the usual, lets its backbone learn and 0 does not",
    )
    side: Count | None = Field(None, description="side of the windows, in pixels; None: stage 2's")
    label_flip: bool = Field(
        False, description="see each image mirrored too when it is labelled, and average"
    )
    label_scales: Scales = Field(
        (1.0,),
        description="sides in which an image is seen when it is labelled, as prediction.scales: "
        "labels from more views cost time once, predictions from one view stay as fast",
    )
    drawn_share: Share = Field(
        0.25, gt=0, lt=1, description="share of the windows that have a drawn mask"
    )
    pseudo_weight: Weight = Field(
        0.5, description="how much the pixels of a pseudo-mask count; those of a drawn mask: 1"
    )
    tag_weight: Weight = Field(
        0.5, description="how much the tags of a window count beside its pixels"
    )
    position_weight: Weight = Field(
        1.0, description="how much the class of each position counts beside the pixels"
    )
    held_out: Share = Field(
        0.2,
        gt=0,
        lt=1,
        description="share of the masks that the first half of stage 2 leaves out, to choose from "
        "which certainty on a pixel of a pseudo-mask is believed; all that follows learns from all "
        "masks",
    )
    right: Share = Field(
        0.95,
        ge=0,
        lt=1,
        description="share of the believed pixels of held-out masks that should be right",
    )
    undenied: Share = Field(
        0.9,
        ge=0,
        lt=1,
        description="share of the pixels of a class on held-out masks that must not be denied to "
        "it: a pixel of a pseudo-mask where the map of a tagged class is as large as there, and "
        "0.1 at least, is either given to that class or left open",
    )
