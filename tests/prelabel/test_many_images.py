"""Data sets of many images: memory does not grow with what is made of them."""

import tracemalloc
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decouplednet.annotations.record import Record
from decouplednet.annotations.writers.coco import coco_parts
from decouplednet.annotations.writers.labels import labels_of
from decouplednet.classes import ClassList
from decouplednet.inference import entry
from decouplednet.inference.batches import batched
from decouplednet.inference.sources import Source
from decouplednet.prelabel import segmenting
from decouplednet.prelabel.folder import PrelabelFolder
from decouplednet.prelabel.journal import Begun, Journal
from decouplednet.prelabel.labeller import Labelled
from decouplednet.prelabel.listing import Listing
from decouplednet.prelabel.segmenting import Segmenting
from decouplednet.prelabel.selection import Selected
from tests.annotations.folders import image

CLASSES = ClassList(("cat", "dog"))
IMAGES = 600


class Fake:
    """A labeller that finds a cat in every image."""

    known = CLASSES.names

    def label(self, images: Sequence[Any], _: Sequence[Any]) -> list[Labelled]:
        of_class = {"background": 0.5, "cat": 0.25}
        return [
            Labelled(np.ones(one.shape[:2], np.uint8), 0.5, of_class, (), 0.0) for one in images
        ]


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Selected]:
    shown = image(tmp_path / "images/a.png", (1, 2))
    monkeypatch.setattr(entry, "read_image", lambda _: np.zeros((64, 100, 3), np.uint8))
    return [
        Selected(Record(f"{number:04}", shown, None, None), number + 1, ("cat",))
        for number in range(IMAGES)
    ]


def test_memory_does_not_grow_with_the_images(
    images: list[Selected], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    monkeypatch.setattr(segmenting, "write_mask", lambda *_: None)
    journal = Journal(tmp_path / "out/journal.jsonl")
    begun = Begun(
        model="", classes=[*CLASSES], hard=False, suggest_above=1, tile=None, certainty=None
    )

    def progress(sources: Sequence[Source]) -> Iterable[Source]:
        for source in sources:
            held.append(tracemalloc.get_traced_memory()[0])
            yield source

    with journal.writing(begun):
        run = Segmenting(Fake(), PrelabelFolder(tmp_path / "out"), journal)  # type: ignore[arg-type]  # a fake
        tracemalloc.start()
        try:
            run.run(images, progress)
        finally:
            tracemalloc.stop()

    assert len([*journal]) == IMAGES
    assert run.failures == []
    # An image of 19 kB, its mask of 6 kB and its line of 300 bytes; what is kept is where that is.
    assert (held[550] - held[250]) / 300 < 1500


def test_a_listing_reads_one_line_at_a_time_and_may_be_gone_through_again(
    images: list[Selected], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = PrelabelFolder(tmp_path / "out")
    journal = Journal(folder.journal)
    begun = Begun(
        model="", classes=[*CLASSES], hard=False, suggest_above=1, tile=None, certainty=None
    )
    with journal.writing(begun):
        Segmenting(Fake(), folder, journal).run(images[:5])  # type: ignore[arg-type]  # a fake
    listing = Listing(images[:5], folder, journal, tmp_path, tmp_path / "images")

    parts = coco_parts(
        listing, labels_of(CLASSES, unsure=False), CLASSES, made_by="x", polygons=False
    )

    assert b"".join(parts).count(b'"category_id": 1') == 5
    assert [one.number for one in listing] == [1, 2, 3, 4, 5]
    assert [one.number for one in listing[1:3]] == [2, 3]
    assert (len(listing), listing[4].size, listing[4].of_class["cat"]) == (5, (64, 100), 0.25)


def test_every_class_of_an_image_weighs_as_much_as_the_image(
    images: list[Selected], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    label = Fake.label

    def counted(self: Fake, those: Sequence[Any], tags: Sequence[Any]) -> list[Labelled]:
        sizes.append(len(those))
        return label(self, those, tags)

    monkeypatch.setattr(Fake, "label", counted)
    monkeypatch.setattr(batched, "__kwdefaults__", {"weigh": None, "most": 2 * 6400})
    both = [replace(one, tags=("cat", "dog")) for one in images[4:6]]
    undecided = [replace(one, tags=None) for one in images[6:8]]
    journal = Journal(tmp_path / "out/journal.jsonl")
    begun = Begun(
        model="", classes=[*CLASSES], hard=False, suggest_above=1, tile=None, certainty=None
    )
    with journal.writing(begun):
        run = Segmenting(Fake(), PrelabelFolder(tmp_path / "out"), journal)  # type: ignore[arg-type]  # a fake
        run.run([*images[:4], *both, *undecided])

    assert sizes == [2, 2, 1, 1, 1, 1]
