"""Segment the images that have no pre-label yet: each gets its mask, then its line."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.masks import write_mask
from decouplednet.errors import DataError
from decouplednet.inference.batches import ahead, batched, behind
from decouplednet.inference.entry import Entry, Read, pixels_read
from decouplednet.inference.jpeg import jpeg
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.room import Room
from decouplednet.inference.sources import Source
from decouplednet.prelabel.disagreements import Disagreement
from decouplednet.prelabel.folder import PrelabelFolder
from decouplednet.prelabel.journal import Done, Journal
from decouplednet.prelabel.labeller import Labelled, Labeller
from decouplednet.prelabel.selection import Selected

T = TypeVar("T")
Progress = Callable[[Sequence[T]], Iterable[T]]

_DIGITS = 6  # of a confidence or a share


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """An image (H, W, 3), and what came of it."""

    selected: Selected
    image: NDArray[np.uint8]
    labelled: Labelled


@dataclass(frozen=True, slots=True, eq=False)
class Segmenting:
    """Segment images and write what comes of them, while the next are read.

    Memory holds as many images as three batches at most, see ``batched``, where each class of an
    image weighs as much as the image; one of which three would not fit is there alone.

    Args:
        labeller: segments them.
        folder: of the pre-labels.
        journal: of that folder, open.
        overlay: also write pictures.
        room: refuses images that do not fit into memory; None: none is refused.
        failures: gets a line for each image that cannot be read or written.
    """

    labeller: Labeller
    folder: PrelabelFolder
    journal: Journal
    overlay: bool = False
    room: Room | None = None
    failures: list[str] = field(default_factory=list)

    def run(self, images: Sequence[Selected], progress: Progress[Source] = iter) -> None:
        """Segment images.

        Args:
            images: those that have no pre-label yet.
            progress: shows how far the images are read.

        Raises:
            ModelError: the network's output is not finite.
        """
        selected = {one.record.name: one for one in images}
        tagged = {name: one.tags for name, one in selected.items()}
        given = {name: frozenset(tags) for name, tags in tagged.items() if tags is not None}
        entry = Entry(given, self.room, keeps=True)
        for _, together in groupby(progress([self._source(one) for one in images]), entry.together):
            behind(self._seen(together, entry, selected), self._take, weigh=_weight)

    def _source(self, one: Selected) -> Source:
        name = one.record.name
        listed = f"{name}{one.record.image.suffix}"
        place = self.folder.mask_of(name)
        return Source(one.record.image, listed, place, self.folder.overlay_of(name))

    def _seen(
        self, sources: Iterable[Source], entry: Entry, selected: dict[str, Selected]
    ) -> Iterator[_Seen | DataError]:
        """Yield each image that can be read with what came of it, and what is wrong with others."""

        def weigh(read: Read | DataError) -> int:
            if isinstance(read, DataError):
                return 0
            maps = len(entry.given.get(read[0].name, self.labeller.known))
            return pixels_read(read) * max(1, maps)

        for batch in ahead(batched(entry.read_each(sources), weigh=weigh)):
            yield from (fault for fault in batch if isinstance(fault, DataError))
            read = [one for one in batch if not isinstance(one, DataError)]
            those = [selected[source.name] for source, _ in read]
            images = [image for _, image in read]
            for one, image, labelled in zip(
                those, images, self.labeller.label(images, [one.tags for one in those]), strict=True
            ):
                yield _Seen(one, image, labelled)

    def _take(self, seen: _Seen | DataError) -> None:
        """Write what came of an image, or note what went wrong with it."""
        try:
            if isinstance(seen, DataError):
                raise seen
            self._write(seen)
        except DataError as fault:
            self.failures.append(str(fault))

    def _write(self, seen: _Seen) -> None:
        """Write the mask, then the line that says it is there.

        Raises:
            DataError: one of them cannot be written.
        """
        name, label_map = seen.selected.record.name, seen.labelled.label_map
        self.folder.put(name, kept=True)  # an older one, so that none is left aside
        write_mask(self.folder.mask_of(name), label_map)
        if self.overlay:
            place = self.folder.overlay_of(name)
            shown = Prediction(label_map, {}, {}, ()).overlay(seen.image)
            write_atomically(place, jpeg(shown, place))
        self.journal.add(_done(name, seen.selected.tags, seen.labelled))


def _done(image: str, tags: tuple[str, ...] | None, labelled: Labelled) -> Done:
    height, width = labelled.label_map.shape
    return Done(
        image=image,
        tags=tags,
        size=(height, width),
        confidence=_rounded(labelled.confidence),
        of_class={name: _rounded(of) for name, of in labelled.of_class.items()},
        disagreements=tuple(map(_rounded_numbers, labelled.disagreements)),
        unsure=_rounded(labelled.unsure),
    )


def _rounded_numbers(one: Disagreement) -> Disagreement:
    told = None if one.probability is None else _rounded(one.probability)
    return replace(one, probability=told, share=_rounded(one.share))


def _rounded(value: float) -> float:
    return round(value, _DIGITS)


def _weight(seen: _Seen | DataError) -> int:
    return 0 if isinstance(seen, DataError) else seen.image[..., 0].size
