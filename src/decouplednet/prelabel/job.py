"""From a checked call to the files of a tool: segment what is not done, then write all of it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.class_file import write_classes
from decouplednet.annotations.files import write_atomically
from decouplednet.annotations.images import allowing_pixels
from decouplednet.annotations.layout import layout_of
from decouplednet.annotations.writers.labels import Label
from decouplednet.inference.devices import precision_word
from decouplednet.inference.legend import LEGEND, legend
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.room import Room, room_for
from decouplednet.inference.tiles import MOST_PIXELS, TiledPredictor
from decouplednet.prelabel.disagreements import Kind
from decouplednet.prelabel.folder import PrelabelFolder
from decouplednet.prelabel.formats import Options, Writing
from decouplednet.prelabel.journal import Begun, Journal
from decouplednet.prelabel.labeller import Labeller
from decouplednet.prelabel.listing import Listing
from decouplednet.prelabel.segmenting import Segmenting
from decouplednet.prelabel.selection import Selected, Selection
from decouplednet.prelabel.tables import write_tables
from decouplednet.progress import bar


@dataclass(frozen=True, slots=True)
class Prelabels:
    """What came of pre-labelling.

    Args:
        folder: of the pre-labels.
        files: those, or the folder, that a tool is given.
        written: number of images in them.
        before: how many images an earlier call had segmented already.
        under: number of images left out because their confidence is too low.
        untagged: number of images left out because nobody tagged them.
        masked: number of images left out because they have a mask.
        disagreements: of tags and model, how many of each kind.
        unknown: classes of the data set that the model does not know.
        computed: in which precision.
        failures: one line for each image that could not be read or written.
    """

    folder: Path
    files: tuple[Path, ...]
    written: int
    before: int
    under: int
    untagged: int
    masked: int
    disagreements: Mapping[Kind, int]
    unknown: tuple[str, ...]
    computed: str
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """All that a call needs, once it is checked.

    Args:
        catalogue: the data set.
        selection: the images to pre-label.
        labeller: segments them.
        folder: of the pre-labels.
        options: how they are written.
        labels: those of the tool.
        made_by: the model, for people.
        overlay: whether pictures are written.
        progress: whether bars are shown.
    """

    catalogue: Catalogue
    selection: Selection
    labeller: Labeller
    folder: PrelabelFolder
    options: Options
    labels: Sequence[Label]
    made_by: str
    overlay: bool
    progress: bool

    def run(self, begun: Begun) -> Prelabels:
        """Segment what is not done and write everything.

        Args:
            begun: by what pre-labels are made.

        Raises:
            DataError: a file cannot be written, or the folder was begun otherwise.
            ModelError: the network's output is not finite.
        """
        journal = Journal(self.folder.journal)
        with journal.writing(begun):
            write_classes(self.folder.classes, self.catalogue.classes.names)
            wanted = [one for one in self.selection.images if not self._is_done(one, journal)]
            bare = [] if not self.overlay else self._without_overlay(journal)
            failures = self._segment([*wanted, *bare], journal)
        ready = [one for one in self.selection.images if self._is_done(one, journal)]
        before = len(self.selection.images) - len(wanted)
        return self._finish(journal, ready, before, (*self.selection.failures, *failures))

    def _is_done(self, one: Selected, journal: Journal) -> bool:
        """Tell whether an image has a pre-label under the tags that it has now."""
        name = one.record.name
        is_listed = name in journal and journal.tags_of(name) == one.tags
        return is_listed and self.folder.has_mask(name)

    def _without_overlay(self, journal: Journal) -> list[Selected]:
        """Return the images that were done without a picture, to be seen once more."""
        return [
            one
            for one in self.selection.images
            if self._is_done(one, journal) and not self.folder.overlay_of(one.record.name).is_file()
        ]

    def _segment(self, images: Sequence[Selected], journal: Journal) -> list[str]:
        """Segment images; return what went wrong with some."""
        allowed, room = self._allowance()
        segmenting = Segmenting(self.labeller, self.folder, journal, self.overlay, room)
        with allowed:
            segmenting.run(images, bar("images", not self.progress))
        if self.overlay and images:
            write_atomically(self.folder.overlays / LEGEND, legend(self.catalogue.classes))
        return segmenting.failures

    def _allowance(self) -> tuple[AbstractContextManager[None], Room | None]:
        """Return what allows images their size, and what refuses those that do not fit."""
        seeing = self.labeller.seeing
        if not isinstance(seeing, TiledPredictor):
            return nullcontext(), None
        return allowing_pixels(MOST_PIXELS), room_for(seeing, overlay=self.overlay)

    def _finish(
        self, journal: Journal, ready: Sequence[Selected], before: int, failures: tuple[str, ...]
    ) -> Prelabels:
        """Write the tables and the files of the format, from the masks and the journal.

        Args:
            journal: of the folder.
            ready: the images that have a pre-label.
            before: how many of them an earlier call segmented.
            failures: one line for each image that has none.

        Raises:
            DataError: a file cannot be written, or a mask cannot be read.
        """
        least, images = self.options.min_confidence, layout_of(self.catalogue.root).images
        names = {one.record.name: one for one in ready}
        kept = [one for one in ready if journal.confidence_of(one.record.name) >= least]
        self._put(journal, {one.record.name for one in kept})

        def listed(name: str) -> str:
            return names[name].record.image.relative_to(images).as_posix()

        ranked = sorted(names, key=lambda name: (-journal.confidence_of(name), name))
        counts = write_tables(journal, ranked, self.folder, least=least, listed=listed)
        writing = Writing(
            pre_labels=Listing(kept, self.folder, journal, self.catalogue.root, images),
            labels=self.labels,
            classes=self.catalogue.classes,
            out=self.folder.root,
            made_by=self.made_by,
            data=self.catalogue.root,
            progress=bar("images written", not self.progress),
        )
        return Prelabels(
            folder=self.folder.root,
            files=writing.write(self.options),
            written=len(kept),
            before=before,
            under=len(ready) - len(kept),
            untagged=self.selection.untagged,
            masked=self.selection.masked,
            disagreements=counts,
            unknown=self._unknown(),
            computed=precision_word(self._predictor().precision),
            failures=failures,
        )

    def _put(self, journal: Journal, kept: set[str]) -> None:
        """Let ``masks/`` hold the pre-labels and nothing else that the journal names."""
        for name in journal:
            self.folder.put(name, kept=name in kept)

    def _unknown(self) -> tuple[str, ...]:
        """Return the classes of the data set that the model does not know."""
        return tuple(name for name in self.catalogue.classes if name not in self.labeller.known)

    def _predictor(self) -> Predictor:
        seeing = self.labeller.seeing
        return seeing if isinstance(seeing, Predictor) else seeing.predictor
