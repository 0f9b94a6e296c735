"""The images that are to be predicted, and the files that their predictions become."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from decouplednet.annotations.image_files import IMAGE_SUFFIXES, find_images, name_of
from decouplednet.errors import DataError

OVERLAYS = "overlays"


@dataclass(frozen=True, slots=True)
class Source:
    """One image.

    Args:
        image: its file.
        listed: its path under the folder that was named, with extension and ``/``.
        label_map: the PNG of its label map.
        overlay: the JPEG of its overlay. Label maps are never JPEG, so no overlay meets one.
    """

    image: Path
    listed: str
    label_map: Path
    overlay: Path

    @property
    def name(self) -> str:
        """The name that a table of tags matches, without extension."""
        return name_of(self.listed)


@dataclass(frozen=True, slots=True)
class Sources:
    """What was found.

    Args:
        images: at least one, sorted.
        skipped: number of other files: no images, or already results.
    """

    images: tuple[Source, ...]
    skipped: int


def find_sources(images: Path, out: Path) -> Sources:
    """Return the images of a file or folder, searched wholly, with the places of their results.

    Files below ``out`` are left out where it lies inside ``images``: they are results.

    Args:
        images: a file, or a folder with sub-folders.
        out: the folder of the results, which keep the paths of their images.

    Raises:
        DataError: there is no image, two images would become one label map, a label map would
            take the place of an image, or ``out`` is a file or ``images`` itself.
    """
    _check_places(images, out)
    found = find_images(images)
    root = images.parent if images.is_file() else images
    inside = images.resolve() in out.resolve().parents
    results = _below(found.images, out) if inside else frozenset()
    sources = tuple(_source(path, root, out) for path in found.images if path not in results)
    skipped = len(found.skipped) + len(results)
    if not sources:
        raise DataError(
            f"{images}: holds no image (other files: {skipped}); image files end in "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    _check_different(sources)
    _check_no_image_lost(sources)
    return Sources(sources, skipped)


def _check_places(images: Path, out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: a file lies where the folder of the results shall be")
    if out.resolve() == images.resolve():
        raise DataError(
            f"{out}: label maps beside their images would be taken for images the next time; "
            "choose another folder for the results"
        )


def _below(paths: Sequence[Path], folder: Path) -> frozenset[Path]:
    real = folder.resolve()
    return frozenset(path for path in paths if real in path.resolve().parents)


def results_of(listed: PurePath, out: Path) -> tuple[Path, Path]:
    """Return the places of an image's label map and overlay.

    Args:
        listed: path of the image under the folder that was named.
        out: the folder of the results.
    """
    return out / _renamed(listed, ".png"), out / OVERLAYS / _renamed(listed, ".jpg")


def _source(path: Path, root: Path, out: Path) -> Source:
    relative = path.relative_to(root)
    label_map, overlay = results_of(relative, out)
    return Source(path, relative.as_posix(), label_map, overlay)


def _renamed(relative: PurePath, suffix: str) -> PurePath:
    """Return the path with another image extension; a name without one keeps all its dots."""
    known = relative.suffix.lower() in IMAGE_SUFFIXES
    return relative.with_name((relative.stem if known else relative.name) + suffix)


def _check_different(sources: Sequence[Source]) -> None:
    times = Counter(source.label_map for source in sources)
    shared = [source for source in sources if times[source.label_map] > 1]
    if shared:
        first = shared[0].label_map
        names = " and ".join(source.listed for source in shared if source.label_map == first)
        count = sum(1 for number in times.values() if number > 1)
        raise DataError(
            f"{names} would both become {first}; rename one of them ({count} such label maps)"
        )


def _check_no_image_lost(sources: Sequence[Source]) -> None:
    images = {source.image.resolve() for source in sources}
    for source in sources:
        if source.label_map.resolve() in images:
            raise DataError(
                f"{source.label_map}: the label map of {source.listed} would take the place of "
                "an image; choose another folder for the results"
            )
