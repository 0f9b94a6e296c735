"""Few masks of many: lists of images with at least so many masks of each class."""

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.masks import classes_in
from decouplednet.annotations.record import Record
from decouplednet.counts import count
from decouplednet.errors import DataError

Present = Mapping[str, frozenset[str]]


def classes_in_masks(catalogue: Catalogue, records: Iterable[Record]) -> Present:
    """Return the classes in the mask of each record, by its name; every mask is read.

    Raises:
        DataError: a record has no mask, or its mask is refused.
    """
    return {
        record.name: classes_in(catalogue.mask_of(record), catalogue.classes) for record in records
    }


def draw_masks(
    present: Present, classes: Collection[str], budget: int, seed: int
) -> tuple[str, ...]:
    """Return images whose masks hold each class at least ``budget`` times, sorted by name.

    All images are shuffled once; those are taken that are among the first ``budget`` of any of
    their classes. So the list of a smaller budget is part of that of a larger one, and no image is
    preferred for how many classes it shows. Images with several classes raise the counts of the
    frequent ones above the budget.

    Args:
        present: image to the classes in its mask.
        classes: those that count.
        budget: least number of masks of each class.
        seed: of the order.

    Raises:
        DataError: a class has fewer masks.

    >>> draw_masks({"a": frozenset({"cat"}), "b": frozenset()}, ["cat"], budget=1, seed=0)
    ('a',)
    """
    names = sorted(present)
    order = [names[place] for place in np.random.default_rng(seed).permutation(len(names))]
    taken: set[str] = set()
    for each in classes:
        of_class = [name for name in order if each in present[name]]
        if len(of_class) < budget:
            raise DataError(
                f"{count(budget, 'mask')} a class: only {count(len(of_class), 'mask')} that may "
                f"be learnt from {'shows' if len(of_class) == 1 else 'show'} {each}; draw more, "
                "or ask for fewer"
            )
        taken.update(of_class[:budget])
    return tuple(sorted(taken))
