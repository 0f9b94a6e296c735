"""Reading the next images and writing the last ones while some are predicted."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import write_mask
from decouplednet.inference import entry, label_maps
from decouplednet.inference.batches import IMAGES_AT_ONCE, batched
from decouplednet.inference.label_maps import write_label_maps
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.sources import find_sources
from tests.inference.small import small_segmenter
from tests.inference.test_label_maps import images, rows_of

__all__ = ["images"]  # a fixture


def test_images_are_written_by_another_thread_and_few_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):
        Image.new("RGB", (9, 7), (number, 0, 0)).save(tmp_path / f"{number:02}.png")
    threads, most, lock = set[int](), [0], threading.Lock()
    read, written = [0], [0]

    def reading(path: Path) -> NDArray[np.uint8]:
        with lock:
            read[0] += 1
            most[0] = max(most[0], read[0] - written[0])
        return read_image(path)

    def writing(path: Path, mask: NDArray[np.uint8]) -> None:
        threads.add(threading.get_ident())
        write_mask(path, mask)
        with lock:
            written[0] += 1

    monkeypatch.setattr(entry, "read_image", reading)
    monkeypatch.setattr(label_maps, "write_mask", writing)
    monkeypatch.setattr(label_maps, "PIXELS_AT_ONCE", 2 * 9 * 7)
    sources = find_sources(tmp_path, tmp_path / "out").images

    done = write_label_maps(small_segmenter().predictor(), sources, tmp_path / "out")

    assert done.label_maps == 25
    assert len(threads) == 1
    assert threads.isdisjoint({threading.get_ident()})
    assert most[0] <= 3 * IMAGES_AT_ONCE


def test_whatever_stops_the_writing_leaves_a_table_of_what_was_written(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def writing(path: Path, mask: NDArray[np.uint8]) -> None:
        if path.name == "b.png":
            raise MemoryError("no memory")
        write_mask(path, mask)

    monkeypatch.setattr(label_maps, "write_mask", writing)
    sources = find_sources(images, out).images
    with pytest.raises(MemoryError, match="no memory"):
        write_label_maps(small_segmenter().predictor(), sources, out)

    assert {row[0] for row in rows_of(out)[1:]} == {"a.png", "sub/c.png"}
    monkeypatch.setattr(label_maps, "write_mask", write_mask)
    assert write_label_maps(small_segmenter().predictor(), sources, out).label_maps == 3


def test_large_images_are_predicted_by_themselves(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    predict = Predictor.predict

    def counted(
        self: Predictor, given: Sequence[NDArray[np.uint8]], *rest: Any, **more: Any
    ) -> Any:
        sizes.append(len(given))
        return predict(self, given, *rest, **more)

    monkeypatch.setattr(Predictor, "predict", counted)
    monkeypatch.setattr(batched, "__kwdefaults__", {"weigh": None, "most": 1000})
    sources = find_sources(images, tmp_path / "out").images
    write_label_maps(small_segmenter().predictor(), sources, tmp_path / "out")

    assert sizes == [1, 1, 1]  # 1,961 pixels, then 3,690, then 77
