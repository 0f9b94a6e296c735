"""From all evidence to the list of tags that are probably wrong."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decouplednet.audit.evidence import NOT_SHOWN, SHOWN, UNKNOWN, Evidence
from decouplednet.audit.leave_one_out import leave_one_out
from decouplednet.audit.tag_field import fault_probability, fit_tag_field
from decouplednet.training.calibration import fit_calibration

LEAST = 0.02
"""Suspicion from which a tag is listed."""
FEWEST_IMAGES = 5
"""Images with the tag, and as many without, from which the features can tell a class."""
OWN_SHARE_LEARNT, OWN_SHARE = 0.2, 0.5
"""How much the model's own classifier counts beside the features, where it may have learnt the
tags of the image and where it has not. With 0.1 to 0.3 of tags that were learnt, the first rows of
voc-animals held as many known faults or up to 0.02 more than with none; with 0.4 fewer."""
MASK_SHOWS, MASK_LACKS = 0.99, 0.9
"""Suspicion where a mask shows a class that has no tag, and where it lacks one that has: a mask
may be unfinished."""
LARGEST_LOG_ODDS = 6.0  # of the own classifier: a probability of 0.9975


@dataclass(frozen=True, slots=True)
class Parts:
    """The evidence that counts; leaving some of it out is for measurements.

    Args:
        features: what a linear classifier says that has not seen the tags of the image.
        own: what the model's own classifier says.
        other_tags: which tags go together.
    """

    features: bool = True
    own: bool = True
    other_tags: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A tag that is probably wrong, or missing.

    Args:
        image: place of the image in the evidence.
        label: place of the class in the evidence.
        suspicion: how probable it is that the tag, or the lack of it, is wrong, in [0, 1].
        probability: that the class is there, in [0, 1], by all evidence but its tag and the mask.
    """

    image: int
    label: int
    suspicion: float
    probability: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The list, and what it rests on.

    Args:
        found: most suspicious first; of equals in the order of the images and classes.
        unjudged: classes that too few images have, or lack, for the features to tell them; the
            model's own classifier alone says whether they are there.
    """

    found: tuple[Found, ...]
    unjudged: tuple[str, ...]


def judge(evidence: Evidence) -> Judged:
    """Return the tags whose suspicion is at least ``LEAST``, most suspicious first."""
    suspicion, probability = suspicions(evidence)
    order = np.argsort(-suspicion, axis=None, kind="stable")
    listed = order[: int((suspicion >= LEAST).sum())].tolist()
    places = (divmod(place, len(evidence.classes)) for place in listed)
    return Judged(
        found=tuple(
            Found(image, label, float(suspicion[image, label]), float(probability[image, label]))
            for image, label in places
        ),
        unjudged=tuple(
            name
            for name, told in zip(evidence.classes, _can_be_told(evidence), strict=True)
            if not told
        ),
    )


def suspicions(
    evidence: Evidence, parts: Parts | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how probable it is that each tag is wrong, and that each class is there.

    A linear classifier judges each image without having seen its tags (``leave_one_out``). The
    model's own classifier, which may have learnt wrong tags by heart, only changes the order of the
    images that have the same tag. Then the other tags of the image count, and that most images have
    no fault (``fault_probability``). Where a mask says what is there, it decides alone.

    Args:
        evidence: of N images and L classes.
        parts: of it that count; None: all.

    Returns:
        (N, L) suspicion and (N, L) probability, both in [0, 1]; the probability is by all evidence
        but the tag itself and the mask.

    Source:
        That tags are judged by what has not seen them: Northcutt, Jiang and Chuang, Confident
        learning: estimating uncertainty in dataset labels, Journal of Artificial Intelligence
        Research 70, 2021.
    """
    parts = parts or Parts()
    tags = np.where(evidence.drawn == UNKNOWN, evidence.tags, evidence.drawn == SHOWN)
    seen = _seen(evidence, tags, parts)
    field = fit_tag_field(seen, tags, paired=parts.other_tags)
    suspicion = fault_probability(field, seen, tags, swaps=parts.other_tags)
    probability = 1 / (1 + np.exp(-field.log_odds(seen, tags)))
    return _by_masks(suspicion, evidence), probability


def _seen(evidence: Evidence, tags: NDArray[np.bool_], parts: Parts) -> NDArray[np.float64]:
    """Return the (N, L) log odds of each class by what is seen, tags not looked at."""
    shares = np.clip(evidence.probability, 1e-12, 1 - 1e-12)
    own = np.clip(np.log(shares / (1 - shares)), -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)
    if not parts.features:
        return own if parts.own else np.zeros_like(own)
    told = _can_be_told(evidence)
    unseen = _unseen(evidence, tags) if told.any() else own
    seen = np.where(told, unseen, own)
    if not parts.own:
        return seen
    learnt = evidence.learnt[:, None]
    share = np.where(learnt, OWN_SHARE_LEARNT, OWN_SHARE)
    ordered = np.where(learnt, _in_order_of(own, seen, tags, evidence.learnt), own)
    mixed: NDArray[np.float64] = (1 - share) * seen + share * ordered
    return mixed


def _unseen(evidence: Evidence, tags: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the (N, L) log odds that a fit to all other images gives, calibrated on the tags."""
    import torch

    said = leave_one_out(evidence.features, tags.astype(np.float64))
    spread = said.std(axis=0)
    scaled = (said - said.mean(axis=0)) / np.where(spread > 0, spread, 1)
    calibration = fit_calibration(torch.from_numpy(scaled), torch.from_numpy(tags).double())
    odds: NDArray[np.float64] = np.array(calibration.slope) * scaled + calibration.offset
    return odds


def _in_order_of(
    own: NDArray[np.float64],
    seen: NDArray[np.float64],
    tags: NDArray[np.bool_],
    learnt: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return ``seen``, dealt out anew among learnt images of the same tag in the order of ``own``.

    A classifier that has learnt the tags says so of all of them; only its order among images with
    the same tag is evidence. All arrays are (N, L), ``learnt`` (N,).
    """
    dealt = seen.copy()
    for label in range(tags.shape[1]):
        for given in (True, False):
            (group,) = np.nonzero(learnt & (tags[:, label] == given))
            order = np.argsort(own[group, label], kind="stable")
            dealt[group[order], label] = np.sort(seen[group, label])
    return dealt


def _can_be_told(evidence: Evidence) -> NDArray[np.bool_]:
    """Return (L,) whether enough images have each tag, and enough have not."""
    tagged = evidence.tags.sum(axis=0)
    told: NDArray[np.bool_] = np.minimum(tagged, len(evidence.tags) - tagged) >= FEWEST_IMAGES
    return told


def _by_masks(suspicion: NDArray[np.float64], evidence: Evidence) -> NDArray[np.float64]:
    """Return suspicions, those that a mask decides put in place."""
    shown = np.where(evidence.tags, 0.0, MASK_SHOWS)
    lacking = np.where(evidence.tags, MASK_LACKS, 0.0)
    decided = np.where(evidence.drawn == SHOWN, shown, suspicion)
    return np.where(evidence.drawn == NOT_SHOWN, lacking, decided)
