import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import write_mask
from decouplednet.classes import colour_of
from decouplednet.errors import DataError
from decouplednet.inference import label_maps
from decouplednet.inference.label_maps import Written, write_label_maps
from decouplednet.inference.sources import Source, find_sources
from tests.inference.small import NAMES, answer, small_segmenter

SIZES = {"a.png": (37, 53), "sub/b.jpg": (90, 41), "sub/c.png": (11, 7)}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for seed, (name, size) in enumerate(SIZES.items()):
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
    return tmp_path / "images"


def rows_of(out: Path) -> list[list[str]]:
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_each_label_map_is_what_the_model_predicts(images: Path, tmp_path: Path) -> None:
    segmenter, out = small_segmenter(), tmp_path / "out"
    given = {"a": frozenset({"cat", "dog"}), "sub/c": frozenset[str]()}

    written = write_label_maps(
        segmenter.predictor(), find_sources(images, out).images, out, given=given
    )

    assert (written.label_maps, written.failures) == (3, ())
    for name, size in SIZES.items():
        stem = name.rpartition(".")[0]
        expected = segmenter.predict(images / name, given.get(stem))
        with Image.open(out / f"{stem}.png") as picture:
            assert picture.mode == "P"
            assert picture.size == size[::-1]
            assert (np.asarray(picture) == expected.label_map).mean() > 0.999
            palette = picture.getpalette()
        assert palette is not None
        assert tuple(palette[3:6]) == colour_of(1)


def test_the_table_has_a_row_for_each_image_and_class(images: Path, tmp_path: Path) -> None:
    segmenter, out = small_segmenter(), tmp_path / "out"
    answer(segmenter.network, (0.9, 0.25, 0.5))

    write_label_maps(segmenter.predictor(), find_sources(images, out).images, out)

    score = {"cat": "0.900000", "cow": "0.250000", "dog": "0.500000"}
    expected = [[image, name, score[name]] for image in SIZES for name in NAMES]
    assert rows_of(out) == [["image", "class", "score"], *expected]


def test_overlays_are_written_only_when_asked_for(images: Path, tmp_path: Path) -> None:
    segmenter, out = small_segmenter(), tmp_path / "out"
    sources = find_sources(images, out).images

    write_label_maps(segmenter.predictor(), sources, out)
    assert not (out / "overlays").exists()
    write_label_maps(segmenter.predictor(), sources, out, overlay=True)

    image = read_image(images / "a.png")
    expected = segmenter.predict(image).overlay(image)
    got = read_image(out / "overlays/a.jpg")
    assert got.shape == expected.shape
    assert np.abs(got.astype(int) - expected).mean() < 40  # JPEG of noise
    assert (out / "overlays/sub/b.jpg").exists()


def test_a_bad_image_is_named_and_does_not_stop_the_rest(images: Path, tmp_path: Path) -> None:
    (images / "sub/b.jpg").write_text("no picture")
    out = tmp_path / "out"

    written = write_label_maps(small_segmenter().predictor(), find_sources(images, out).images, out)

    assert written.label_maps == 2
    (failure,) = written.failures
    assert "b.jpg: not a readable image" in failure
    assert not (out / "sub/b.png").exists()
    assert {row[0] for row in rows_of(out)[1:]} == {"a.png", "sub/c.png"}


def test_a_label_map_that_cannot_be_written_is_named_and_the_rest_goes_on(
    images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "a.png").mkdir(parents=True)

    written = write_label_maps(small_segmenter().predictor(), find_sources(images, out).images, out)

    assert written.label_maps == 2
    assert "a.png: cannot be written" in written.failures[0]
    assert {row[0] for row in rows_of(out)[1:]} == {"sub/b.jpg", "sub/c.png"}


def test_an_overlay_that_no_jpeg_can_hold_is_named(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("encoder error -2")

    out = tmp_path / "out"
    sources = find_sources(images / "sub/c.png", out).images

    def then_refuse(path: Path, label_map: NDArray[np.uint8]) -> None:
        write_mask(path, label_map)
        monkeypatch.setattr(Image.Image, "save", refuse)

    monkeypatch.setattr(label_maps, "write_mask", then_refuse)

    written = write_label_maps(small_segmenter().predictor(), sources, out, overlay=True)

    assert "c.jpg: no JPEG can hold the overlay: encoder error -2" in written.failures[0]


def test_progress_wraps_the_images(images: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def progress(sources: Sequence[Source]) -> Iterable[Source]:
        assert len(sources) == 3
        for source in sources:
            yield source
            seen.append(source.listed)

    out = tmp_path / "out"
    sources = find_sources(images, out).images
    write_label_maps(small_segmenter().predictor(), sources, out, progress=progress)

    assert seen == list(SIZES)


def predict(images: Path, out: Path, *, overlay: bool = False) -> Written:
    sources = find_sources(images, out).images
    return write_label_maps(small_segmenter().predictor(), sources, out, overlay=overlay)


def test_a_file_that_no_earlier_call_wrote_is_not_written_over(
    images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "masks"
    (out / "overlays").mkdir(parents=True)
    drawn = [out / "a.png", out / "overlays/a.jpg"]
    for file in drawn:
        file.write_text("drawn by hand")

    with pytest.raises(DataError, match=r"masks/a\.png: would be written over, and no earlier pre"):
        predict(images, out)
    with pytest.raises(DataError, match=r"\(such files: 2\); choose another --out"):
        predict(images, out, overlay=True)

    assert {file.read_text() for file in drawn} == {"drawn by hand"}
    assert sorted(file for file in out.rglob("*") if file.is_file()) == sorted(drawn)


def test_a_photograph_beside_which_results_would_lie_is_not_written_over(
    images: Path, tmp_path: Path
) -> None:
    before = (images / "a.png").read_bytes()
    Image.new("RGB", (5, 6)).save(images / "sub/a.jpg")

    with pytest.raises(DataError, match=r"images/a\.png: would be written over"):
        predict(images / "sub", images)

    assert (images / "a.png").read_bytes() == before


def test_files_beside_the_table_that_it_does_not_name_are_not_written_over(
    images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    predict(images / "a.png", out)
    (out / "sub").mkdir()
    (out / "sub/b.png").write_text("drawn by hand")

    with pytest.raises(DataError, match=r"out/sub/b\.png: would be written over"):
        predict(images, out)


def test_label_maps_of_an_earlier_call_are_counted_and_keep_their_rows(
    images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    assert predict(images, out).left == 0
    first = rows_of(out)
    assert predict(images / "a.png", out).left == 2
    assert sorted(rows_of(out)) == sorted(first)
    assert predict(images, out).left == 0
    (out / "sub/b.png").unlink()
    assert predict(images / "a.png", out).left == 1
    assert {row[0] for row in rows_of(out)[1:]} == {"a.png", "sub/c.png"}


def test_an_overlay_of_an_earlier_call_goes_with_its_label_map(
    images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    predict(images, out, overlay=True)

    predict(images / "a.png", out)

    assert not (out / "overlays/a.jpg").exists()
    assert (out / "overlays/sub/b.jpg").exists()


def test_an_overlay_that_cannot_be_removed_is_named(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict(images / "a.png", out)
    (out / "overlays/a.jpg").mkdir(parents=True)

    (failure,) = predict(images / "a.png", out).failures

    assert re.search(r"a\.jpg: shows an older label map and cannot .*; remove it$", failure)


def test_an_interruption_leaves_a_table_of_what_was_written(images: Path, tmp_path: Path) -> None:
    def interrupted(sources: Sequence[Source]) -> Iterable[Source]:
        yield from list(sources) * 4  # more than one batch
        raise KeyboardInterrupt

    out = tmp_path / "out"
    sources = find_sources(images, out).images
    with pytest.raises(KeyboardInterrupt):
        write_label_maps(small_segmenter().predictor(), sources, out, progress=interrupted)

    assert {row[0] for row in rows_of(out)[1:]} == set(SIZES)
    assert predict(images, out).label_maps == 3


@pytest.mark.parametrize("content", ["", "image,class\na.png,cat\n", "a;b\n", "\x00", "folder"])
def test_a_table_of_another_kind_is_not_written_over(
    content: str, images: Path, tmp_path: Path
) -> None:
    table = tmp_path / "out/predictions.csv"
    table.parent.mkdir()
    if content == "folder":
        table.mkdir()
    else:
        table.write_text(content)

    message = r"predictions\.csv: is there, but is no table image,class,score of .* another --out"
    with pytest.raises(DataError, match=message):
        predict(images, table.parent)

    assert [*table.parent.iterdir()] == [table]


def test_a_folder_that_takes_no_files_is_refused_before_anything_is_predicted(
    images: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")

    def never(sources: Sequence[Source]) -> Iterable[Source]:
        raise AssertionError(sources)

    out = tmp_path / "file/out"
    sources = find_sources(images, out).images
    with pytest.raises(DataError, match=r"file/out: cannot be written: Not a dir.* another --out"):
        write_label_maps(small_segmenter().predictor(), sources, out, progress=never)


def test_a_legend_says_which_colour_is_which_class(images: Path, tmp_path: Path) -> None:
    predict(images, tmp_path / "out", overlay=True)

    picture = ElementTree.parse(tmp_path / "out/overlays/legend.svg")  # noqa: S314 - our own
    texts = [str(each.text) for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    colours = [each.get("fill") for each in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert texts == ["1 cat", "2 cow", "3 dog"]
    assert colours[1:] == ["#e69f00", "#56b4e9", "#009e73"]
