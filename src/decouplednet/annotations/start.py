"""The first two files of a new data set: classes.txt and tags.csv, to be filled in."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from decouplednet.annotations.class_file import read_classes, write_classes
from decouplednet.annotations.folder_names import class_of_folder
from decouplednet.annotations.image_files import NO_IMAGE, FoundImages
from decouplednet.annotations.layout import Layout, image_files, native_layout, plain_layout
from decouplednet.annotations.tags import read_tags, write_tags
from decouplednet.classes import MOST_CLASSES, NOT_LOOKED_AT
from decouplednet.errors import DataError

_NAMED = 10


@dataclass(frozen=True, slots=True)
class StartReport:
    """What was started.

    Args:
        root: the data set's folder, to be given to all other commands.
        images: number of images found.
        classes: names in classes.txt; none when the folders gave no hint.
        tagged: number of images with a row that says what is on them.
        written: the new files.
        kept: files that were there already and stayed as they were.
        hints: what the user should look over; each is a line.
    """

    root: Path
    images: int
    classes: tuple[str, ...]
    tagged: int
    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    hints: tuple[str, ...] = ()


def init(images: Path) -> StartReport:
    """Write classes.txt and tags.csv for a folder of images; no file is moved or overwritten.

    ``DATA/images`` and a ``DATA`` that has ``images/`` become the native layout: the files lie in
    ``DATA``. Any other folder becomes a plain data set: the files lie in it beside its images.
    Where the images lie in more than one folder, the outermost folder that may name a class gives
    the tag; ``background`` means none of the classes. A row that nobody filled in yet holds ``?``,
    because an empty cell would say that none of the classes is there.

    Args:
        images: a folder, searched recursively.

    Raises:
        DataError: there is no such folder, it is PASCAL VOC already, it holds no image, both files
            are there already, one that is there cannot be read, or one cannot be written.
    """
    layout = _layout(images)
    kept = tuple(path for path in (layout.classes, layout.tags) if os.path.lexists(path))
    if len(kept) == 2:
        raise DataError(f"{layout.root}: has classes.txt and tags.csv already; nothing was written")
    found = image_files(layout)
    files = [path.relative_to(layout.images) for path in found.images]
    if not files:
        raise DataError("; ".join((f"{images}: {NO_IMAGE}", *_unread(found))))
    rows = _known_rows(layout, files)
    classes = _known_classes(layout, rows)
    if layout.classes not in kept:
        write_classes(layout.classes, classes)
    if layout.tags not in kept:
        write_tags(layout.tags, rows)
    return StartReport(
        root=layout.root,
        images=len(files),
        classes=classes,
        tagged=sum(tags != (NOT_LOOKED_AT,) for tags in rows.values()),
        written=tuple(path for path in (layout.classes, layout.tags) if path not in kept),
        kept=kept,
        hints=(*_folder_names(classes if not kept else ()), *_unread(found)),
    )


def _folder_names(classes: tuple[str, ...]) -> Iterator[str]:
    if classes:
        listed = ", ".join(classes[:_NAMED]) + (", ..." if classes[_NAMED:] else "")
        yield (
            f"classes from folder names: {listed}; delete what is none from classes.txt and "
            "tags.csv"
        )


def _unread(found: FoundImages) -> Iterator[str]:
    endings = ", ".join(sorted({path.suffix.lower() for path in found.unread}))
    if endings:
        count = len(found.unread)
        yield f"photographs that are not read: {count} ({endings}); convert them to JPEG or PNG"


def _layout(images: Path) -> Layout:
    if not images.is_dir():
        raise DataError(f"{images}: there is no such folder")
    if (images / "JPEGImages").is_dir():
        raise DataError(f"{images}: is a PASCAL VOC data set, which is read as it is")
    if (images / "images").is_dir():
        return native_layout(images)
    if images.resolve().name == "images":
        return native_layout(images.parent if images.name == "images" else images.resolve().parent)
    return plain_layout(images)


def _known_rows(layout: Layout, files: list[Path]) -> dict[str, tuple[str, ...]]:
    """Return image to tags: from tags.csv if it is there, else from the folders."""
    if os.path.lexists(layout.tags):
        return {name: tuple(sorted(tags)) for name, tags in read_tags(layout.tags).rows.items()}
    allowed = read_classes(layout.classes).names if os.path.lexists(layout.classes) else None
    guessed = {file: _class_folder(file.parts[:-1]) for file in files}
    names = set(guessed.values()) - {None, "background"}
    unhelpful = len({file.parent for file in files}) == 1 or len(names) > MOST_CLASSES
    return {
        file.as_posix(): _row(None if unhelpful else name, allowed)
        for file, name in guessed.items()
    }


def _row(name: str | None, allowed: tuple[str, ...] | None) -> tuple[str, ...]:
    if name == "background":
        return ()
    known = name is not None and (allowed is None or name in allowed)
    return (name,) if known and name is not None else (NOT_LOOKED_AT,)


def _class_folder(folders: tuple[str, ...]) -> str | None:
    """Return the outermost folder that may name a class: it has a letter, and is not general."""
    return next(filter(None, map(class_of_folder, folders)), None)


def _known_classes(layout: Layout, rows: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the classes of classes.txt if it is there, else all that the rows name."""
    if os.path.lexists(layout.classes):
        return read_classes(layout.classes).names
    return tuple(sorted({tag for tags in rows.values() for tag in tags} - {NOT_LOOKED_AT}))
