"""How probable each set of tags is, by what is seen of each class and which tags go together."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

PENALTY = 0.1
"""Half of it times the square of each weight is added to what is made least: a weight may well be
3, as that of two classes which are hardly ever on one image."""
FAULTY = 0.05
"""Share of the images, before anything is seen of them, whose tags have a fault.

It moves all suspicions and hardly their order: from 0.003 to 0.1, the first rows of voc-animals
held the same share of known faults within 0.01."""
ROWS_AT_ONCE = 1024
_STEPS = 200


@dataclass(frozen=True, slots=True, eq=False)
class TagField:
    """The log odds of a class: ``own * seen + base``, and ``pairs`` of each other tag.

    Args:
        own: (L,) weight of what is seen of the class.
        base: (L,) what is added to it.
        pairs: (L, L) symmetric, zero on its diagonal: what the tag of one class adds to another.
    """

    own: NDArray[np.float64]
    base: NDArray[np.float64]
    pairs: NDArray[np.float64]

    def log_odds(self, seen: NDArray[np.float64], tags: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the (N, L) log odds that each class is there, the other tags being right.

        Args:
            seen: (N, L) log odds of each class by what is seen.
            tags: (N, L).
        """
        return seen * self.own + self.base + tags @ self.pairs


def fit_tag_field(
    seen: NDArray[np.float64], tags: NDArray[np.bool_], *, paired: bool = True
) -> TagField:
    """Return the field under which each tag is most probable, given the others of its image.

    The sum over images and classes of the cross-entropy of each tag, and the penalty of all weights
    but ``base``, is least.

    Args:
        seen: (N, L) log odds of each class by what is seen, by something that has not seen the
            tags of the image.
        tags: (N, L).
        paired: False leaves ``pairs`` at zero.

    Source:
        Besag, Statistical analysis of non-lattice data, 1975: the pseudo-likelihood.
    """
    field = torch.tensor(seen, dtype=torch.float64)
    target = torch.tensor(tags, dtype=torch.float64)
    count = target.shape[1]
    upper = torch.triu_indices(count, count, offset=1)
    sizes = [count, count, upper.shape[1]]
    weights = torch.zeros(sum(sizes), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        own, base, pair = torch.split(weights, sizes)
        pairs = _symmetric(pair * paired, upper, count)
        odds = field * own + base + target @ pairs
        loss = F.binary_cross_entropy_with_logits(odds, target, reduction="sum")
        total: Tensor = loss + PENALTY / 2 * (own.square().sum() + pair.square().sum())
        total.backward()  # type: ignore[no-untyped-call]  # torch
        return total

    optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch
    own, base, pair = torch.split(weights.detach(), sizes)
    pairs = _symmetric(pair * paired, upper, count)
    return TagField(own.numpy(), base.numpy(), pairs.numpy())


def fault_probability(
    field: TagField, seen: NDArray[np.float64], tags: NDArray[np.bool_], *, swaps: bool = True
) -> NDArray[np.float64]:
    """Return how probable it is that each tag, or the lack of it, is wrong.

    By Bayes' rule over the sets of tags that may be the true ones: the one that is given, and every
    one that a single fault turns into it. A fault is a tag that was forgotten, one too many, or one
    in place of another; an image has one with ``FAULTY``, each of the three kinds with a third of
    that, and each place that it can strike alike.

    Args:
        field: says how probable a set is.
        seen: (N, L) log odds of each class by what is seen.
        tags: (N, L) as given.
        swaps: False leaves out tags in place of another.

    Returns:
        (N, L) in [0, 1].
    """
    wrong = np.empty(seen.shape)
    for start in range(0, len(seen), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        wrong[rows] = _of_rows(field, seen[rows], tags[rows], swaps)
    return wrong


def _of_rows(
    field: TagField, seen: NDArray[np.float64], tags: NDArray[np.bool_], swaps: bool
) -> NDArray[np.float64]:
    """Return (n, L) for some images, see ``fault_probability``.

    The true set, if it is another one, has one of ``forgotten`` more, one of ``extra`` less, or
    both of a swap; each array holds the log odds of that over the given set.
    """
    classes = tags.shape[1]
    given = tags.sum(axis=1, keepdims=True)
    odds = field.log_odds(seen, tags)
    kind = np.log(FAULTY / 3 / (1 - FAULTY))
    forgotten = np.where(tags, -np.inf, odds + kind - np.log(given + 1))
    extra = np.where(tags, -odds + kind - np.log(classes - given + 1), -np.inf)
    struck = np.log(np.maximum(given * (classes - given), 1))[..., None]
    swapped = -odds[:, :, None] + odds[:, None, :] - field.pairs + kind - struck
    possible = tags[:, :, None] & ~tags[:, None, :] & swaps
    swapped = np.where(possible, swapped, -np.inf)
    highest = np.maximum(0, np.concatenate([forgotten, extra], axis=1).max(axis=1))
    highest = np.maximum(highest, swapped.max(axis=(1, 2)))[:, None]
    alone = np.exp(forgotten - highest) + np.exp(extra - highest)
    both = np.exp(swapped - highest[..., None])
    total = np.exp(-highest) + alone.sum(axis=1, keepdims=True)
    total += both.sum(axis=(1, 2))[:, None]
    shares: NDArray[np.float64] = (alone + both.sum(axis=1) + both.sum(axis=2)) / total
    return shares


def _symmetric(pair: Tensor, upper: Tensor, count: int) -> Tensor:
    """Return (L, L) with each weight of a pair in both its places."""
    half = pair.new_zeros(count, count).index_put((upper[0], upper[1]), pair)
    return half + half.T
