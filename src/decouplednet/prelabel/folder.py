"""The folder of pre-labels: what lies where, and whether a call may write there."""

from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.files import not_written
from decouplednet.errors import DataError
from decouplednet.inference.results_folder import check_writable


@dataclass(frozen=True, slots=True)
class PrelabelFolder:
    """Paths of pre-labels.

    Args:
        root: the folder given to ``--out``.
    """

    root: Path

    @property
    def journal(self) -> Path:
        """What came of each image, which ``--resume`` goes by."""
        return self.root / "journal.jsonl"

    @property
    def classes(self) -> Path:
        """The class list of the masks, that of the data set."""
        return self.root / "classes.txt"

    @property
    def table(self) -> Path:
        """The images, the surest first."""
        return self.root / "prelabels.csv"

    @property
    def disagreements(self) -> Path:
        """Where tags and model disagree."""
        return self.root / "vetoes.csv"

    @property
    def overlays(self) -> Path:
        """Pictures of the pre-labels."""
        return self.root / "overlays"

    def mask_of(self, image: str) -> Path:
        """Return the place of an image's mask."""
        return self.root / "masks" / f"{image}.png"

    def aside(self, image: str) -> Path:
        """Return the place of a mask that is left out of the pre-labels."""
        return self.root / "left_out" / f"{image}.png"

    def overlay_of(self, image: str) -> Path:
        """Return the place of an image's overlay."""
        return self.overlays / f"{image}.jpg"

    def has_mask(self, image: str) -> bool:
        """Tell whether an image's mask is there, left out or not."""
        return self.mask_of(image).is_file() or self.aside(image).is_file()

    def put(self, image: str, *, kept: bool) -> Path:
        """Let an image's mask lie where it belongs, and return that place.

        Args:
            image: its name.
            kept: whether it is among the pre-labels.

        Raises:
            DataError: it cannot be moved.
        """
        places = self.aside(image), self.mask_of(image)
        there, other = places[kept], places[not kept]
        if other.is_file() and not there.is_file():
            try:
                there.parent.mkdir(parents=True, exist_ok=True)
                other.replace(there)
            except OSError as fault:
                raise DataError(f"{there}: {not_written(fault)}") from None
        return there

    def check_usable(self, images: Path, *, resume: bool) -> None:
        """Refuse a folder that pre-labels cannot go into.

        Args:
            images: the folder of the data set's images.
            resume: whether to go on with what lies there.

        Raises:
            DataError: the folder holds something and nothing is to be gone on with, or something
                else; it lies among the images; or nothing can be written there.
        """
        if images.resolve() in (self.root.resolve(), *self.root.resolve().parents):
            raise DataError(
                f"{self.root}: lies among the images, {images}, and masks there would be taken for "
                "some of them; choose another --out"
            )
        if self._holds_something():
            self._check_begun(resume=resume)
        check_writable(self.root)

    def _holds_something(self) -> bool:
        try:
            if not self.root.exists():
                return False
            if not self.root.is_dir():
                raise DataError(f"{self.root}: a file lies where the folder of pre-labels shall be")
            return any(self.root.iterdir())
        except OSError as fault:
            raise DataError(f"{self.root}: cannot be read: {fault.strerror}") from None

    def _check_begun(self, *, resume: bool) -> None:
        if not self.journal.is_file():
            raise DataError(
                f"{self.root}: holds something, but no pre-labels to go on with; choose a folder "
                "that is new or empty"
            )
        if not resume:
            raise DataError(
                f"{self.root}: holds pre-labels already; go on with them (--resume, resume=True), "
                "or choose another folder"
            )
