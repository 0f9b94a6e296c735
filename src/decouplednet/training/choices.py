"""What a run chooses where its settings leave it open, and why."""

import math
from dataclasses import dataclass
from pathlib import Path

from decouplednet.counts import count
from decouplednet.errors import SettingsError
from decouplednet.networks.presets import Preset, side_fault
from decouplednet.networks.vgg import GROUPS
from decouplednet.settings import Settings
from decouplednet.stage_settings import POOLING_NUMBERS, ClassifierSettings
from decouplednet.training.labels import drawn_by_updates
from decouplednet.training.pooling import pooling_of

PASSES = 30  # of stage 1 over the tagged images
LEAST_TAG_UPDATES, MOST_TAG_UPDATES = 400, 10_000
FEWEST_IMAGES = 8  # of an update of stage 1
# recipes/voc-animals-*.toml: 400, 500 and 650 updates at 24, 49 and 122 masks.
LEAST_MASK_UPDATES, USUAL_MASK_UPDATES, USUAL_MASKS = 200, 400, 24
MORE_EACH_DOUBLING = 100
PASSES_OVER_MASKS = 3
SALIENCY_DROPOUT = 0.5

LABELLED = "about one window is drawn from each"


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting that was left open.

    Args:
        name: as in ``--set``.
        value: what was chosen.
        reason: why, in a few words.
    """

    name: str
    value: bool | int | float | str
    reason: str

    def __str__(self) -> str:
        """Return the choice in one line."""
        value = str(self.value).lower() if isinstance(self.value, bool) else self.value
        return f"{self.name} = {value}: {self.reason}"


def choose(
    settings: Settings, preset: Preset, *, tagged: int, masked: int, all_masked: bool = True
) -> tuple[Settings, tuple[Choice, ...]]:
    """Return the settings with everything chosen that depends on the preset or the data.

    Args:
        settings: what they give is kept.
        preset: that they name.
        tagged: images that give tags.
        masked: images that give masks.
        all_masked: whether the masks of all classes are learnt.

    Raises:
        SettingsError: a given side does not fit the preset, a number of pooling is given that its
            pooling does not take, or f_cls is to be dropped for a bridge that sees nothing else.
    """
    settings = with_absolute_paths(settings)
    _check_sides(settings, preset)
    _check_dropout(settings, preset)
    classifier = settings.classifier
    weights = classifier.weights or preset.default_weights
    scratch = weights == "none"
    side = settings.side or preset.side
    images = _images_per_update(settings, tagged)
    every: tuple[Choice, ...] = (
        Choice("side", side, f"the usual one of preset {preset.name}"),
        Choice("classifier.weights", weights, f"the usual start of preset {preset.name}"),
        Choice(
            "classifier.trained_groups",
            preset.groups if scratch else 0,
            "all convolutions learn from scratch"
            if scratch
            else "trained convolutions are computed once",
        ),
        Choice("classifier.images_per_update", images, f"only {count(tagged, 'image')} with tags"),
        Choice(
            "classifier.updates",
            tag_updates(tagged, images),
            f"about {PASSES} passes over {count(tagged, 'tagged image')}, "
            f"at least {LEAST_TAG_UPDATES} updates",
        ),
        Choice("segmenter.side", side, "that of the frame"),
        _mask_choice(settings, masked),
    )
    every += _pooling_choices(classifier, preset) + _student_choices(settings, preset, tagged)
    every += () if all_masked else _dropout_choices(settings, preset)
    chosen = tuple(choice for choice in every if not settings.gives(choice.name))
    if images == classifier.images_per_update:
        chosen = tuple(one for one in chosen if one.name != "classifier.images_per_update")
    return settings.changed({choice.name: choice.value for choice in chosen}), chosen


def _check_sides(settings: Settings, preset: Preset) -> None:
    for name, side in (
        ("side", settings.side),
        ("segmenter.side", settings.segmenter.side),
        ("self_training.side", settings.self_training.side),
    ):
        fault = None if side is None else side_fault(preset, side)
        if fault:
            raise SettingsError(f"{name} = {side}: a side of preset {preset.name} {fault}")


def _mask_choice(settings: Settings, masked: int) -> Choice:
    return Choice(
        "segmenter.updates",
        mask_updates(masked, settings.segmenter.images_per_update),
        f"for {count(masked, 'mask')}: {USUAL_MASK_UPDATES} for {USUAL_MASKS}, "
        f"{MORE_EACH_DOUBLING} more each time they double",
    )


def _dropout_choices(settings: Settings, preset: Preset) -> tuple[Choice, ...]:
    """Return what is chosen where a class has no masks."""
    if not preset.evidence or settings.segmenter.statistics_batches:
        return ()
    reason = "a class without masks is found by class evidence alone"
    return (Choice("segmenter.saliency_dropout", SALIENCY_DROPOUT, reason),)


def _check_dropout(settings: Settings, preset: Preset) -> None:
    dropout = settings.segmenter.saliency_dropout
    if dropout and settings.segmenter.statistics_batches:
        raise SettingsError(
            f"segmenter.saliency_dropout = {dropout:g} and segmenter.statistics_batches = "
            f"{settings.segmenter.statistics_batches}: the statistics would be those of samples "
            "with f_cls alone; set one of them to 0"
        )
    if dropout and not preset.evidence:
        raise SettingsError(
            f"segmenter.saliency_dropout = {dropout:g}: without f_cls the bridge of preset "
            f"{preset.name} knows nothing of a class; leave it out, or choose preset skip, fast, "
            "tiny-skip or modern"
        )


def _pooling_choices(classifier: ClassifierSettings, preset: Preset) -> tuple[Choice, ...]:
    pooling = classifier.pooling or preset.pooling
    for name, its in POOLING_NUMBERS.items():
        if getattr(classifier, name) is not None and its != pooling:
            raise SettingsError(
                f'classifier.{name} goes with classifier.pooling = "{its}", and only with it; '
                f'that of preset {preset.name} is "{pooling}"'
            )
    if pooling == "max":
        return ()
    settled = classifier.model_copy(update={"pooling": pooling})
    numbers = pooling_of(settled).model_dump(exclude={"name"})
    return (
        Choice("classifier.pooling", pooling, f"the usual one of preset {preset.name}"),
        *(
            Choice(f"classifier.pooling_{name}", value, "the usual one of this pooling")
            for name, value in numbers.items()
        ),
    )


def tag_updates(tagged: int, images_per_update: int) -> int:
    """Return the updates of stage 1: so many that each tagged image is seen about 30 times.

    Args:
        tagged: images that give tags.
        images_per_update: of stage 1.

    >>> tag_updates(2931, 64), tag_updates(100, 64)
    (1350, 400)
    """
    updates = PASSES * tagged / images_per_update
    return _rounded(min(MOST_TAG_UPDATES, max(LEAST_TAG_UPDATES, updates)))


def mask_updates(masked: int, images_per_update: int) -> int:
    """Return the updates of stage 2: 400 for 24 masks, 100 more each time the masks double.

    Many masks are each seen three times at least.

    Args:
        masked: images that give masks, at least one.
        images_per_update: windows of an update of stage 2.

    >>> [mask_updates(masks, 8) for masks in (1, 24, 49, 122, 2931, 10582)]
    [200, 400, 500, 650, 1100, 3950]
    """
    grown = USUAL_MASK_UPDATES + MORE_EACH_DOUBLING * math.log2(max(1, masked) / USUAL_MASKS)
    return _rounded(max(LEAST_MASK_UPDATES, grown, PASSES_OVER_MASKS * masked / images_per_update))


def with_absolute_paths(settings: Settings) -> Settings:
    """Return settings that name weights and backbone independently of the working directory."""
    weights, backbone = settings.classifier.weights, settings.backbone
    if weights not in (None, "imagenet", "none", "backbone"):
        settings = settings.changed({"classifier.weights": str(Path(weights).absolute())})
    if backbone is not None and Path(backbone).is_dir():  # else it is a name on the hub
        settings = settings.changed({"backbone": str(Path(backbone).absolute())})
    return settings


def check_groups(settings: Settings, preset: Preset) -> None:
    """Refuse more groups of layers than the encoder of a preset has.

    Args:
        settings: with nothing left to choose.
        preset: that they name.

    Raises:
        SettingsError: more shall learn than there are.
    """
    student = settings.self_training
    for name, groups in (
        ("classifier.trained_groups", settings.classifier.trained_groups),
        ("self_training.trained_groups", student.trained_groups if student.enabled else None),
    ):
        if groups is not None and groups > preset.groups:
            raise SettingsError(
                f"{name} = {groups}: the backbone of preset {preset.name} is one group; expected "
                "1, it learns as a whole, or 0, it does not"
            )


def trained_groups(settings: Settings) -> int:
    """Return how many groups of convolutions learn, of settings with nothing left to choose."""
    groups = settings.classifier.trained_groups
    return GROUPS if groups is None else groups


def _student_choices(settings: Settings, preset: Preset, tagged: int) -> tuple[Choice, ...]:
    """Return how many groups learn and images are labelled, where the usual ones are too many."""
    student, own = settings.self_training, list[Choice]()
    if not student.enabled:
        return ()
    if student.trained_groups > preset.groups:
        name = "self_training.trained_groups"
        own.append(Choice(name, preset.groups, "a backbone learns as a whole"))
    drawn = drawn_by_updates(student)
    if settings.minutes is None and student.minutes is None and drawn < tagged:
        own.append(Choice("self_training.images", drawn, LABELLED))
    return tuple(own)


def _images_per_update(settings: Settings, tagged: int) -> int:
    """Return the images of an update of stage 1: the usual ones, fewer where there are not many."""
    classifier = settings.classifier
    settled = settings.gives("classifier.images_per_update") or classifier.images_per_step
    if settled or settings.compute.devices > 1:
        return classifier.images_per_update
    largest = 1 << (tagged.bit_length() - 1)  # a power of two, as is usual
    return min(classifier.images_per_update, max(FEWEST_IMAGES, largest))


def _rounded(updates: float) -> int:
    """Return updates rounded to 50."""
    return 50 * round(updates / 50)
