"""The folder that predictions go into: what an earlier call left, and what must not be lost."""

import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from decouplednet.errors import DataError
from decouplednet.inference.scores_table import Row, read_rows, refusing_other_tables
from decouplednet.inference.sources import Source, results_of


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier call wrote and is still there.

    Args:
        folder: of the results.
        images: what ``predictions.csv`` calls an image, to its label map.
        label_maps: all of them.
        overlays: those of the same images.
    """

    folder: Path
    images: Mapping[str, Path]
    label_maps: frozenset[Path]
    overlays: frozenset[Path]

    def rows_left(self, written: Collection[Path]) -> Iterator[Row]:
        """Yield the rows of ``predictions.csv`` that still hold.

        Args:
            written: label maps that were written over.

        Raises:
            DataError: the table is no longer what it was.
        """
        if not self.images:
            return
        with refusing_other_tables(self.folder):
            for row in read_rows(self.folder):
                label_map = self.images.get(row[0])
                if label_map is not None and label_map not in written:
                    yield row


def earlier_results(out: Path) -> Earlier:
    """Return what an earlier call left in a folder; nothing where it left no ``predictions.csv``.

    Raises:
        DataError: a file of that name is there, but is no table of predictions.
    """
    images: dict[str, Path] = {}
    overlays, seen = set[Path](), set[str]()
    with refusing_other_tables(out):
        for image, _, _ in read_rows(out):
            if image in seen:
                continue
            seen.add(image)
            label_map, overlay = results_of(PurePosixPath(image), out)
            if label_map.is_file():
                images[image] = label_map
                overlays.add(overlay)
    return Earlier(out, images, frozenset(images.values()), frozenset(overlays))


def check_nothing_lost(sources: Sequence[Source], earlier: Earlier, *, overlay: bool) -> None:
    """Refuse to write over a file that no earlier call wrote: a mask, or a photograph.

    Args:
        sources: the images and the places of their results.
        earlier: what may be written over.
        overlay: whether overlays will be written.

    Raises:
        DataError: such a file is there; the message says how many.
    """
    places = [each.label_map for each in sources if each.label_map not in earlier.label_maps]
    if overlay:
        places += [each.overlay for each in sources if each.overlay not in earlier.overlays]
    lost = [place for place in places if place.is_file()]
    if lost:
        raise DataError(
            f"{lost[0]}: would be written over, and no earlier predict wrote it "
            f"(such files: {len(lost)}); choose another --out"
        )


def check_writable(folder: Path) -> None:
    """Refuse a folder that takes no files, before work is spent on what shall go there.

    Nothing is made: where the folder is missing, the nearest one above it is asked.

    Raises:
        DataError: no file can be written there.
    """
    whole = folder.absolute()
    place = next(each for each in (whole, *whole.parents) if os.path.lexists(each))
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"room for a few bytes")
    except OSError as fault:
        raise DataError(
            f"{folder}: cannot be written: {fault.strerror}; free space or choose another --out"
        ) from None
