"""Whether tags beyond the masked images pay on the data at hand, and what could make them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from decouplednet.comparison.cell import Cell, CellResult, CellScores
from decouplednet.counts import count

WITH_TAGS = "decouplednet"
WITHOUT_TAGS = "masks-only"
FOUND = 0.01  # IoU from which a class counts as found
MANY = 0.5
"""Tags that name at least this share of the classes of an image rule out few of them."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What the tags brought at one number of masks, with predicted tags.

    Args:
        masks: N, least number of masks a class.
        with_tags: mean IoU of tags and masks, mean over the seeds.
        without: mean IoU of masks only, mean over the same seeds.
        gains: of each seed that both have.
        best: largest IoU of a class, without background, of all these cells.
    """

    masks: int
    with_tags: float
    without: float
    gains: tuple[float, ...]
    best: float

    @property
    def pays(self) -> bool:
        """Whether the tags brought anything."""
        return self.with_tags > self.without

    @property
    def finds_nothing(self) -> bool:
        """Whether neither found any class, so that nothing can be said of the tags."""
        return self.best < FOUND

    def sentence(self) -> str:
        """Return what came out."""
        difference = self.with_tags - self.without
        said = (
            f"{count(self.masks, 'mask')} a class: {self.with_tags:.3f} with tags + masks, "
            f"{self.without:.3f} with masks only, {difference:+.3f} "
            f"({count(len(self.gains), 'seed')})"
        )
        spread = stdev(self.gains) if len(self.gains) > 1 else 0.0
        if self.pays and difference < spread:
            said += f", less than the gain varies from seed to seed ({spread:.3f})"
        if len(self.gains) == 1:
            said += ", which may be luck"
        return said

    def warning(self) -> str | None:
        """Return what should be known before anything is concluded; None: nothing."""
        masks = f"{count(self.masks, 'mask')} a class"
        if self.finds_nothing:
            return (
                f"neither with the tags nor without them is any class found at {masks}, which says "
                "nothing of the tags: train longer"
            )
        if self.pays:
            return None
        return (
            f"tags + masks is not better than masks only at {masks} on this data "
            f"({self.with_tags:.3f} against {self.without:.3f}, {count(len(self.gains), 'seed')}): "
            "train on the masked images alone, or tag more images"
        )


@dataclass(frozen=True, slots=True)
class Guard:
    """What is said of the tags of a data set.

    Args:
        present: mean number of classes that the tags of an image name.
        classes: L, number of classes.
        gains: one for each number of masks that both methods have, ascending.
    """

    present: float
    classes: int
    gains: tuple[Gain, ...]

    @property
    def share(self) -> float:
        """Mean number of present classes over the number of classes, in [0, 1]."""
        return self.present / self.classes

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each number of masks at which the tags brought nothing."""
        return tuple(warning for gain in self.gains if (warning := gain.warning()))

    def sentences(self) -> tuple[str, ...]:
        """Return how much the tags say and what they brought, a sentence each."""
        told = "rule out few of the classes, so expect little of them"
        if self.share < MANY:
            told = "rule out most of the classes, which is what they are worth"
        informative = (
            f"the tags of an image name {self.present:.2f} of {self.classes} classes on average "
            f"({self.share:.2f}): they {told}"
        )
        return (informative, *(gain.sentence() for gain in self.gains))


def watch(
    tags: Iterable[Collection[str] | None],
    classes: Collection[str],
    cells: Sequence[CellResult],
) -> Guard:
    """Return what is said of the tags.

    Args:
        tags: of each image; None where they are unknown.
        classes: the classes to learn.
        cells: of the comparison; those of both methods on the same seeds are set side by side.

    Raises:
        ValueError: no image has tags.
    """
    named = [len(set(each) & set(classes)) for each in tags if each is not None]
    scores = {each.cell: each.predicted_tags for each in cells}
    gains = (_gain(scores, masks) for masks in sorted({each.masks for each in cells}))
    return Guard(mean(named), len(classes), tuple(gain for gain in gains if gain))


def _gain(scores: Mapping[Cell, CellScores], masks: int) -> Gain | None:
    """Return what the tags brought at a number of masks; None where no seed has both scores."""
    pairs = [
        (own, other)
        for cell, own in scores.items()
        if (cell.method, cell.masks) == (WITH_TAGS, masks) and own.miou is not None
        if (other := scores.get(Cell(WITHOUT_TAGS, masks, cell.seed))) and other.miou is not None
    ]
    if not pairs:
        return None
    own, others = ([each.miou or 0.0 for each in side] for side in zip(*pairs, strict=True))
    return Gain(
        masks,
        mean(own),
        mean(others),
        tuple(score - other for score, other in zip(own, others, strict=True)),
        max(iou or 0.0 for pair in pairs for each in pair for iou in list(each.iou.values())[1:]),
    )
