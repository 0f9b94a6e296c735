"""What all methods of a comparison are given alike: the images, the masks, the settings."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.mask_budgets import Present, classes_in_masks, draw_masks
from decouplednet.annotations.record import Record
from decouplednet.annotations.roles import assign_roles, choose_classes
from decouplednet.classes import ClassList
from decouplednet.comparison.cell import Cell, Digests
from decouplednet.comparison.method import Method
from decouplednet.counts import count
from decouplednet.errors import DataError
from decouplednet.settings import Settings
from decouplednet.training.digests import masks_digest, tags_digest
from decouplednet.training.plan import Plan, make_plan

PREFIX = "strong_"
"""What the splits that hold so many masks a class are called, before the number."""
DRAWN = "drawn_"
SCORED = "scored"
_POOL = "masks that may be learnt from"


@dataclass(frozen=True, slots=True)
class Terms:
    """What all methods are given alike.

    Args:
        catalogue: the data set; its splits include the images to score, if they were drawn.
        settings: common to all cells. ``data.validation_split`` is named; ``seed`` fixes what is
            drawn from the data set, and gives way to the cell's in training.
        named: splits of the data set by their number of masks a class; empty: they are drawn.
        pool: where they are drawn, the classes in each mask that may be learnt from, by image.
    """

    catalogue: Catalogue
    settings: Settings
    named: Mapping[int, str]
    pool: Present

    @property
    def classes(self) -> ClassList:
        """The classes to learn."""
        return choose_classes(self.catalogue.classes, self.settings.data)

    @property
    def scored(self) -> Sequence[Record]:
        """The images that every method is scored on."""
        return self.catalogue.split(self.settings.data.validation_split or SCORED)

    def masked(self, masks: int) -> Sequence[Record]:
        """Return the images whose masks are learnt from.

        Args:
            masks: N, least number of masks of each class; none for 0.

        Raises:
            DataError: the data set has no such split, or too few masks to draw from.
        """
        if masks == 0:
            return ()
        catalogue, split = self._with_masks(masks)
        return catalogue.split(split)

    def learnt_from(self, masks: Iterable[int]) -> frozenset[str]:
        """Return the names of the images whose tags or masks some cells learn from.

        Args:
            masks: the numbers of masks a class of these cells.

        Raises:
            DataError: as ``masked``.
        """
        every = [self._tagged(0)[0], *(self.masked(number) for number in masks)]
        return frozenset(record.name for records in every for record in records)

    def drawn(self, masks: Iterable[int]) -> Mapping[str, tuple[str, ...]]:
        """Return the lists of images that are not the data set's own, by the name of their split.

        Args:
            masks: numbers of masks a class.

        Raises:
            DataError: as ``masked``.
        """
        lists = {}
        for number in masks:
            names = tuple(record.name for record in self.masked(number))
            if not self.named:
                lists[f"{DRAWN}{number}"] = names
        if self.settings.data.validation_split == SCORED:
            lists[SCORED] = tuple(record.name for record in self.scored)
        return lists

    def plan(self, cell: Cell, method: Method, *, progress: bool) -> Plan:
        """Return what a cell will do.

        A method that learns from no masks gets the fewest, of which it needs at least one to say
        that the image's tags are known.

        Args:
            cell: of the comparison.
            method: its method.
            progress: whether bars will be shown.

        Raises:
            UserError: as ``make_plan`` and ``masked``.
        """
        catalogue, split = self._with_masks(cell.masks or min(self.named, default=1))
        data = self.settings.data.model_copy(update={"masks_split": split})
        common = self.settings.model_copy(update={"data": data, "seed": cell.seed})
        return make_plan(catalogue, method.settings(common), progress=progress)

    def tags(self) -> Sequence[frozenset[str] | None]:
        """Return the tags of every image that gives tags at the fewest masks.

        Raises:
            DataError: a mask is refused.
        """
        return self._tagged(0)[1]

    def digests(self, masks: int) -> Digests:
        """Return what the cells of a number of masks have in common.

        Args:
            masks: N, least number of masks of each class; 0 of a method that learns from none.

        Raises:
            DataError: as ``masked``, or a mask cannot be read or is refused.
        """
        return Digests(
            scored=masks_digest(self.scored),
            masks=masks_digest(self.masked(masks)),
            tags=tags_digest(*self._tagged(masks)),
        )

    def _tagged(self, masks: int) -> tuple[Sequence[Record], Sequence[frozenset[str] | None]]:
        """Return the images that give tags at a number of masks, 0 the fewest, and their tags."""
        catalogue, split = self._with_masks(masks or min(self.named, default=1))
        data = self.settings.data.model_copy(update={"masks_split": split})
        roles = assign_roles(catalogue, data, self.settings.seed)
        given = frozenset(roles.masks)
        return roles.tags, tuple(
            catalogue.training_tags(record, mask_given=record in given) for record in roles.tags
        )

    def _with_masks(self, masks: int) -> tuple[Catalogue, str]:
        """Return a catalogue that has the split of a number of masks, and what that is called."""
        if not self.named:
            names = draw_masks(self.pool, self.classes.names, masks, self.settings.seed)
            drawn = f"{DRAWN}{masks}"
            return self.catalogue.with_splits({drawn: names}), drawn
        if masks not in self.named:
            known = ", ".join(map(str, sorted(self.named)))
            raise DataError(
                f"{self.catalogue.root}: has no split with {count(masks, 'mask')} a class; it has "
                f"{known}. Name one of them, or let the lists be drawn with another "
                "--masks-split-prefix"
            )
        return self.catalogue, self.named[masks]


def set_terms(
    catalogue: Catalogue,
    settings: Settings,
    prefix: str = PREFIX,
    progress: Callable[[Sequence[Record]], Iterable[Record]] = iter,
) -> Terms:
    """Return what all methods will be given alike.

    Where the data set has splits such as ``strong_5``, they say which masks are learnt from;
    elsewhere the masks are drawn, by ``draw_masks``, from those that ``train`` would learn from.
    Without ``data.validation_split`` a seeded share of the masks is held out, as ``train`` does,
    and of those that none of these splits names; it does not depend on the numbers of masks that
    are compared.

    Args:
        catalogue: the data set.
        settings: common to all cells.
        prefix: of the splits, before the number of masks a class.
        progress: shows how far the masks are read that are drawn from.

    Raises:
        DataError: no image is left to be scored, or the data set, a split, a class or a mask
            cannot be used.
    """
    named = _numbered(catalogue, prefix)
    data = settings.data
    if named:
        names = dict.fromkeys(name for split in named.values() for name in catalogue.splits[split])
        data = data.model_copy(update={"masks_split": _POOL})
        roles = assign_roles(catalogue.with_splits({_POOL: tuple(names)}), data, settings.seed)
    else:
        roles = assign_roles(catalogue, data, settings.seed)
    if not roles.validation:
        raise DataError(
            f"{catalogue.root}: no image with a mask is left to be scored; name some with "
            "data.validation_split, or hold out more with data.held_out"
        )
    if data.validation_split is None:
        scored = tuple(record.name for record in roles.validation)
        catalogue = catalogue.with_splits({SCORED: scored})
    common = settings.data.model_copy(
        update={"validation_split": data.validation_split or SCORED, "masks_split": None}
    )
    return Terms(
        catalogue=catalogue,
        settings=settings.model_copy(update={"data": common}),
        named=named,
        pool={} if named else classes_in_masks(catalogue, progress(roles.masks)),
    )


def _numbered(catalogue: Catalogue, prefix: str) -> dict[int, str]:
    """Return the splits that are called a prefix and a number above 0, by that number."""
    found = ((re.fullmatch(rf"{re.escape(prefix)}(\d+)", name), name) for name in catalogue.splits)
    return {int(match[1]): name for match, name in found if match and int(match[1])}
