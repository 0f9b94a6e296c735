"""Predicting a folder, against predicting its images in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.images import read_image
from decouplednet.benchmark.memory import resident
from decouplednet.benchmark.subject import Subject
from decouplednet.benchmark.timing import Work
from decouplednet.inference.batches import IMAGES_AT_ONCE, batched
from decouplednet.inference.label_maps import write_label_maps
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.sources import Source, find_sources

DISTINCT = 8  # photographs, of which the files of a folder are copies


@contextmanager
def photographs(subject: Subject, count: int) -> Iterator[Path]:
    """Yield a folder that holds so many JPEG files while the context lasts.

    Args:
        subject: that makes the photographs.
        count: files.
    """
    with TemporaryDirectory(prefix="decouplednet-") as root:
        folder = Path(root) / "images"
        folder.mkdir()
        kept = _distinct(subject, DISTINCT)
        for number in range(count):
            Image.fromarray(kept[number % DISTINCT]).save(folder / f"{number:06}.jpg", quality=90)
        yield folder


def folder_and_computing(subject: Subject, images: Path, count: int) -> dict[str, Work]:
    """Return the prediction of a folder, and the computing alone of the same batches.

    The computing is ``Predictor.predict`` of the same images, which are read already, in the same
    batches and precision, with framing and with bringing maps to the size of the images. What the
    folder takes beyond it is reading and writing that other threads do not hide.

    Args:
        subject: whose network.
        images: folder of photographs.
        count: K, the classes that every image is tagged with.
    """
    predictor, tags = predictor_of(subject), frozenset(subject.class_list.names[:count])
    sources = find_sources(images, images.parent / "out").images
    read = [read_image(source.image) for source in sources]
    batches = list(batched(read, weigh=lambda image: image.shape[0] * image.shape[1]))
    given = {source.name: tags for source in sources}

    def compute() -> None:
        for batch in batches:
            predictor.predict(batch, [tags] * len(batch), class_maps=False)

    def predict() -> None:
        write_label_maps(predictor, sources, images.parent / "out", given=given)

    return {"computing": compute, "folder": predict}


def resident_while_predicting(subject: Subject, count: int) -> list[int]:
    """Return the bytes resident after a tenth, and after each further tenth, of a folder.

    Args:
        subject: whose network.
        count: images, at least 10.
    """
    taken: list[int] = []
    tenths = {round(tenth * count / 10) for tenth in range(1, 11)}

    def watched(items: Sequence[Source]) -> Iterator[Source]:
        for number, item in enumerate(items, start=1):
            yield item
            if number in tenths:
                taken.append(resident())

    predictor = predictor_of(subject)
    with photographs(subject, count) as images:
        sources = find_sources(images, images.parent / "out").images
        write_label_maps(predictor, sources, images.parent / "out", progress=watched)
    return taken


def batch_of(subject: Subject) -> list[NDArray[np.uint8]]:
    """Return as many photographs, (H, W, 3) RGB, as are predicted together.

    Args:
        subject: that makes the photographs.
    """
    return _distinct(subject, IMAGES_AT_ONCE)


def _distinct(subject: Subject, count: int) -> list[NDArray[np.uint8]]:
    pixels = subject.photograph()
    return [np.ascontiguousarray(np.roll(pixels, 40 * i, axis=1)) for i in range(count)]


def predictor_of(subject: Subject) -> Predictor:
    """Return what predicts with a subject's network, in its precision."""
    return Predictor(
        network=subject.network,
        classes=subject.class_list,
        frame=subject.frame,
        device=subject.device,
        precision=subject.precision,
    )
