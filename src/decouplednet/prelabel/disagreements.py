"""Where tags and model disagree, and what is done about it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from decouplednet.errors import SettingsError

SUGGEST_ABOVE = 0.95
"""Probability from which a class that nobody tagged is segmented all the same; our choice."""

DOUBT_BELOW = 0.05
"""Probability under which a tag is doubted; our choice, as far from 0.5 as ``SUGGEST_ABOVE``."""

Kind = Literal["vetoed", "suggested", "doubted", "unknown"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A class of which the tags of an image say one thing, and the model another.

    Args:
        name: of the class.
        kind: ``vetoed``: the model identifies it, no tag names it, and it was left out;
            ``suggested``: likewise, but it was segmented too; ``doubted``: a tag names it, and it
            was looked for, but has no pixel or is improbable; ``unknown``: a tag names it, and the
            model does not know it.
        probability: that the model gives it, in [0, 1]; None: it does not know the class.
        share: of the image's pixels that it won, in [0, 1]; those left open count too.
    """

    name: str
    kind: Kind
    probability: float | None
    share: float


@dataclass(frozen=True, slots=True)
class Veto:
    """What tags forbid.

    Args:
        hard: nothing but the tagged classes is segmented. Otherwise a class that no tag names is,
            if the model identifies it and its probability is at least ``suggest_above``.
        suggest_above: that probability, in [0, 1].

    Raises:
        SettingsError: it is no probability.
    """

    hard: bool = False
    suggest_above: float = SUGGEST_ABOVE

    def __post_init__(self) -> None:
        """Refuse a number that is no probability."""
        if not 0 <= self.suggest_above <= 1:
            raise SettingsError(
                f"suggest_above = {self.suggest_above!r}: a probability lies in 0 to 1"
            )

    def looked_for(
        self,
        tags: Collection[str] | None,
        identified: Collection[str],
        probability: Mapping[str, float],
    ) -> frozenset[str]:
        """Return the classes to segment, in terms of classes that the model knows.

        Args:
            tags: those of the image; None: nobody said.
            identified: the classes that the model finds by itself.
            probability: of each class, in [0, 1].
        """
        known = frozenset(probability)
        if tags is None:
            return known.intersection(identified)
        tagged = known.intersection(tags)
        if self.hard:
            return tagged
        sure = {name for name in identified if probability.get(name, 0) >= self.suggest_above}
        return tagged | known.intersection(sure)


def disagreements(
    tags: Collection[str] | None,
    identified: Collection[str],
    looked_for: Collection[str],
    probability: Mapping[str, float],
    share: Mapping[str, float],
) -> Iterator[Disagreement]:
    """Yield where the tags of an image and the model disagree, one for each class at most.

    Args:
        tags: those of the image; None: nobody said, and nothing can disagree.
        identified: the classes that the model finds by itself, among those of ``probability``.
        looked_for: those that were segmented.
        probability: in [0, 1] of each class that the model and the data set know.
        share: of the image's pixels that each class got, in [0, 1]; none where it is missing.
    """
    if tags is None:
        return
    for name in tags:
        pixels = share.get(name, 0.0)
        if name not in probability:
            yield Disagreement(name, "unknown", None, 0.0)
        elif pixels == 0 or probability[name] < DOUBT_BELOW:
            yield Disagreement(name, "doubted", probability[name], pixels)
    for name in probability:
        if name not in tags and name in identified:
            kind: Kind = "suggested" if name in looked_for else "vetoed"
            yield Disagreement(name, kind, probability[name], share.get(name, 0.0))
