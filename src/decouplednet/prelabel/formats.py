"""The formats that pre-labels are written in, each into a folder of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from decouplednet.annotations.files import write_atomically, write_parts_atomically
from decouplednet.annotations.writers.coco import coco_parts
from decouplednet.annotations.writers.cvat import cvat_labels, cvat_parts
from decouplednet.annotations.writers.label_studio import label_studio_config, label_studio_parts
from decouplednet.annotations.writers.labels import Label
from decouplednet.annotations.writers.native import write_tag_table
from decouplednet.annotations.writers.pre_label import PreLabel, Progress
from decouplednet.annotations.writers.voc import write_voc
from decouplednet.classes import ClassList
from decouplednet.errors import SettingsError, UsageError

Format = Literal["masks", "voc", "coco", "cvat", "label-studio"]
Unsure = Literal["label", "drop"]

_OPTIONS: dict[str, tuple[Format, ...]] = {
    "polygons": ("coco", "cvat"),
    "copy_images": ("voc",),
    "image_root": ("label-studio",),
}


@dataclass(frozen=True, slots=True)
class Options:
    """How pre-labels are written.

    Args:
        to: the format.
        polygons: areas as polygons, in COCO's and CVAT's.
        copy_images: copy the images too, in VOC's.
        image_root: URL of the folder of the images, in Label Studio's; None: local files.
        unsure: whether open pixels have a label of their own, or are given to nothing.
        min_confidence: under which an image is left out, in [0, 1].

    Raises:
        SettingsError: the confidence is out of range.
        UsageError: there is no such format, or an option is of another one.
    """

    to: Format
    polygons: bool = False
    copy_images: bool = False
    image_root: str | None = None
    unsure: Unsure = "label"
    min_confidence: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what would change nothing."""
        for option, value, known in (
            ("format", self.to, get_args(Format)),
            ("unsure", self.unsure, get_args(Unsure)),
        ):
            if value not in known:
                raise UsageError(f"--{option} {value}: expected {' or '.join(known)}")
        for name, formats in _OPTIONS.items():
            if getattr(self, name) and self.to not in formats:
                raise UsageError(
                    f"--{name.replace('_', '-')} is of --format {' or '.join(formats)}, not of "
                    f"{self.to}"
                )
        if not 0 <= self.min_confidence <= 1:
            raise SettingsError(f"min_confidence = {self.min_confidence!r}: expected 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Writing:
    """What is written.

    Args:
        pre_labels: in the order of the data set.
        labels: those that are written.
        classes: of the label maps.
        out: the folder of the pre-labels; a format has a folder in it.
        made_by: the model, for people.
        data: the data set's folder.
        progress: shows how far the images are done.
    """

    pre_labels: Sequence[PreLabel]
    labels: Sequence[Label]
    classes: ClassList
    out: Path
    made_by: str
    data: Path
    progress: Progress = iter

    def write(self, options: Options) -> tuple[Path, ...]:
        """Write the files of a format; return those, or the folder, that a tool is given.

        Args:
            options: the format, and how.

        Raises:
            DataError: a label map cannot be read, or a file cannot be written.
        """
        folder = self.out / options.to
        if options.to == "masks":
            write_tag_table(self.pre_labels, self.out)
            return (self.out / "masks", self.out / "tags.csv")
        if options.to == "voc":
            return self._voc(folder, copy_images=options.copy_images)
        if options.to == "coco":
            return self._coco(folder / "instances.json", polygons=options.polygons)
        if options.to == "cvat":
            return self._cvat(folder, polygons=options.polygons)
        return self._label_studio(folder, options.image_root)

    def _voc(self, folder: Path, *, copy_images: bool) -> tuple[Path, ...]:
        write_voc(
            self.pre_labels,
            self.labels,
            self.classes,
            folder,
            copy_images=copy_images,
            progress=self.progress,
        )
        return (folder,)

    def _coco(self, file: Path, *, polygons: bool) -> tuple[Path, ...]:
        parts = coco_parts(
            self.pre_labels,
            self.labels,
            self.classes,
            made_by=self.made_by,
            polygons=polygons,
            progress=self.progress,
        )
        write_parts_atomically(file, parts)
        return (file,)

    def _cvat(self, folder: Path, *, polygons: bool) -> tuple[Path, ...]:
        parts = cvat_parts(
            self.pre_labels,
            self.labels,
            self.classes,
            made_by=self.made_by,
            polygons=polygons,
            progress=self.progress,
        )
        files = folder / "annotations.xml", folder / "labels.json"
        write_parts_atomically(files[0], parts)
        write_atomically(files[1], cvat_labels(self.labels))
        return files

    def _label_studio(self, folder: Path, image_root: str | None) -> tuple[Path, ...]:
        parts = label_studio_parts(
            self.pre_labels,
            self.labels,
            self.classes,
            made_by=self.made_by,
            data_name=self.data.absolute().name,
            image_root=image_root,
            progress=self.progress,
        )
        files = folder / "tasks.json", folder / "config.xml"
        write_parts_atomically(files[0], parts)
        write_atomically(files[1], label_studio_config(self.labels))
        return files
