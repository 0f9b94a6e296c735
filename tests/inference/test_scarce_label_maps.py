"""Folders of images that are many, or large for the memory that there is."""

import csv
import tracemalloc
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.images import read_image
from decouplednet.classes import ClassList
from decouplednet.cli.predict import predict
from decouplednet.inference import entry, label_maps
from decouplednet.inference import room as rooms
from decouplednet.inference.label_maps import write_label_maps
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.room import Room, TiledImage, room_for
from decouplednet.inference.sources import Source, find_sources
from decouplednet.inference.tiles import TiledPredictor
from tests.cli.conftest import runner
from tests.inference.small import small_network, write_tiny_model
from tests.inference.test_predictor import draw, predictor

run = runner(predict)
SIZES = {"a.png": (41, 66), "b.png": (97, 233), "c.png": (33, 47), "d.png": (52, 90)}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name, size in SIZES.items():
        Image.fromarray(draw(size)).save(tmp_path / "images" / name)
    return tmp_path / "images"


def tiled() -> TiledPredictor:
    return TiledPredictor(predictor=predictor(small_network(seed=1)), tile=40)


def bytes_of(name: str, classes: int | None = None) -> int:
    return room_for(tiled()).needed(TiledImage(SIZES[name], classes))


def room_of(available: int) -> Room:
    return replace(room_for(tiled()), available=available)


def test_an_image_that_does_not_fit_is_named_and_the_rest_goes_on(
    images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    sources = find_sources(images, out).images

    written = write_label_maps(tiled(), sources, out, room=room_of(bytes_of("d.png")))

    assert written.label_maps == 3
    (failure,) = written.failures
    assert "b.png: 233 x 97 pixels in tiles of 40 take up to" in failure
    assert sorted(file.name for file in out.glob("*.png")) == ["a.png", "c.png", "d.png"]


def test_given_tags_say_how_many_classes_may_be_found(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sources, room = find_sources(images, out).images, room_of(bytes_of("b.png", classes=1))

    told = {"b": frozenset({"cat"})}
    assert not write_label_maps(tiled(), sources, out, given=told, room=room).failures
    (failure,) = write_label_maps(tiled(), sources, out, room=room).failures
    assert "with 3 classes" in failure


@pytest.mark.parametrize("times", [1, 3])
def test_images_of_which_three_do_not_fit_are_there_alone(
    images: Path, tmp_path: Path, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, there = tmp_path / "out", dict[str, int]()

    def reading(path: Path) -> NDArray[np.uint8]:
        there[path.name] = len([*out.glob("*.png")])
        return read_image(path)

    monkeypatch.setattr(entry, "read_image", reading)
    (images / "c.png").write_text("no picture")
    sources = find_sources(images, out).images

    room = room_of(times * bytes_of("b.png"))
    written = write_label_maps(tiled(), sources, out, room=room)

    assert (written.label_maps, len(written.failures)) == (3, 1)
    one_by_one = {"a.png": 0, "b.png": 1, "d.png": 2}
    together = dict.fromkeys(one_by_one, 0)
    assert there == (one_by_one if times == 1 else together)


def test_the_command_refuses_what_the_machine_has_no_room_for(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_tiny_model(tmp_path / "run", {"cat": 0.9, "cow": 0.1})
    monkeypatch.setattr(rooms, "available_memory", lambda: 1000)
    folders = (model, images, "--out", tmp_path / "out")

    refused = run(*folders, "--tile", "50", status=1)
    run(*folders)

    assert "d.png: 90 x 52 pixels in tiles of 50 take up to" in refused.stderr
    assert "(1 image in " in refused.stdout  # c.png is no larger than a tile


class Fake:
    """A predictor of 20 classes that sees one pixel."""

    classes = ClassList(tuple(f"class {number}" for number in range(20)))
    others = "ignore"

    def predict(self, images: Sequence[object], *_: object, **__: object) -> list[Prediction]:
        found = np.random.default_rng(0).random((len(images), 20)).tolist()
        scores = [dict(zip(self.classes, of_image, strict=True)) for of_image in found]
        return [Prediction(np.zeros((1, 1), np.uint8), {}, one, ()) for one in scores]


def test_memory_does_not_grow_with_the_images_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, out = list[int](), tmp_path / "out"
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    monkeypatch.setattr(label_maps, "write_mask", lambda *_: None)
    sources = [
        Source(tmp_path / "a.png", f"{number}.png", out / f"{number}.png", out / f"{number}.jpg")
        for number in range(700)
    ]

    def progress(all_of_them: Sequence[Source]) -> Iterable[Source]:
        for source in all_of_them:
            held.append(tracemalloc.get_traced_memory()[0])
            yield source

    tracemalloc.start()
    try:
        written = write_label_maps(Fake(), sources, out, progress=progress)  # type: ignore[arg-type]
    finally:
        tracemalloc.stop()

    assert written.label_maps == 700
    # What paths remember of themselves, and that they were written; the rows would take 3,000.
    assert held[600] - held[300] < 300 * 500
    with (out / "predictions.csv").open() as file:
        assert [row[0] for row in csv.reader(file)][1::20] == [one.listed for one in sources]
