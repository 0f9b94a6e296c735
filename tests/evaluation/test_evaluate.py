"""Evaluation against a reading image by image and pixel by pixel."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import read_image
from decouplednet.annotations.record import Record
from decouplednet.classes import ClassList
from decouplednet.errors import DataError, DeviceError
from decouplednet.evaluation.evaluate import evaluate, evaluate_both, evaluate_records
from decouplednet.inference.batches import batched
from decouplednet.inference.model_folder import save_model
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.presets import preset_named
from tests.evaluation.shapes import SIZES, masks, write_data
from tests.inference.small import answer, small_frame, small_segmenter

SAME_NAME = {1: 3, 2: None, 3: 1}
"""Id in the data (dog, bird, cat) to id in the model (cat, cow, dog)."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def truth_of(name: str, bird: int) -> NDArray[np.uint8]:
    mask = masks()[name]
    truth = np.zeros_like(mask)
    for row, column in np.ndindex(mask.shape):
        found = int(mask[row, column])
        translated = {0: 0, 255: 255}.get(found, SAME_NAME.get(found))
        truth[row, column] = bird if translated is None else translated
    return truth


def expected_counts(
    segmenter: Segmenter, data: Path, bird: int, tags: dict[str, list[str]] | None = None
) -> NDArray[np.int64]:
    counts = np.zeros((4, 4), np.int64)
    names = list(masks())
    images = [read_image(data / "images" / f"{name}.png") for name in names]
    # Together, as they are scored: sums of other batches may round to another class.
    predictions = segmenter.predictor().predict(images, [tags[n] for n in names] if tags else None)
    for name, prediction in zip(names, predictions, strict=True):
        pixels = prediction.label_map.flat
        for true, predicted in zip(truth_of(name, bird).flat, pixels, strict=True):
            if true != 255:
                counts[true, predicted] += 1
    return counts


@pytest.mark.parametrize(("others", "bird"), [("ignore", 255), ("background", 0)])
def test_scores_are_those_of_a_loop_over_images_and_pixels(
    data: Path, others: str, bird: int
) -> None:
    segmenter = replace(small_segmenter(), training={"others": others})

    scores = evaluate(segmenter, data, split="val")

    counts = expected_counts(segmenter, data, bird)
    assert np.array_equal(scores.counts, counts)
    union = counts.sum(0) + counts.sum(1) - counts.diagonal()
    iou = counts.diagonal()[union > 0] / union[union > 0]
    assert scores.miou == pytest.approx(iou.mean())
    assert scores.classes_averaged == len(iou)
    assert scores.images == 3
    assert not scores.true_tags


def test_an_evaluation_prints_as_one_line(data: Path) -> None:
    scores = evaluate(small_segmenter(), data, split="val")

    assert re.fullmatch(
        r"Evaluation\(miou=0\.\d{4}, classes_averaged=\d, images=3, true_tags=False\)", repr(scores)
    )


@pytest.mark.parametrize("split", [None, ["val"]])
def test_a_split_that_is_no_name_is_refused(data: Path, split: Any) -> None:
    with pytest.raises(DataError, match=r"split = .*: expected the name of one split, such as 'v"):
        evaluate(small_segmenter(), data, split=split)


def test_true_tags_replace_the_gate(data: Path) -> None:
    segmenter = small_segmenter()
    answer(segmenter.network, (0.1, 0.1, 0.1))
    tags = {"a": ["cat", "dog"], "sub/b": ["dog"], "c": ["cat"]}

    gated = evaluate(segmenter, data, split="val")
    given = evaluate(segmenter, data, split="val", tags=True)

    assert gated.counts[:, 1:].sum() == 0
    assert [image.identified for image in gated.scored] == [()] * 3
    expected = expected_counts(segmenter, data, 255, tags)
    assert np.abs(given.counts - expected).sum() <= 0.002 * expected.sum()
    assert {image.name: list(image.identified) for image in given.scored} == tags
    assert given.true_tags


def test_true_tags_are_the_row_united_with_the_classes_of_the_mask(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", tags={"c": "dog;bird", "a": ""})

    given = evaluate(small_segmenter(), data, split="val", tags=True)

    identified = {image.name: image.identified for image in given.scored}
    assert identified == {"a": ("cat", "dog"), "sub/b": ("dog",), "c": ("cat", "dog")}
    assert {i.name: i.present for i in given.scored}["c"] == ("cat",)


def test_tag_map_ranks_the_images_by_probability(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", tags={"c": "dog"})
    segmenter = small_segmenter()
    probability = {
        name: segmenter.predict(data / "images" / f"{name}.png").scores for name in masks()
    }
    present = {"cat": {"a", "c"}, "dog": {"a", "sub/b", "c"}}

    scores = evaluate(segmenter, data, split="val")

    expected = []
    for label, names in present.items():
        ranked = sorted(masks(), key=lambda name: -probability[name][label])
        hits = [name in names for name in ranked]
        precision = [sum(hits[: k + 1]) / (k + 1) for k in range(3) if hits[k]]
        expected.append(sum(precision) / len(precision))
    assert scores.tag_precision[[0, 2]].tolist() == pytest.approx(expected)
    assert np.isnan(scores.tag_precision[1])
    assert scores.tag_map == pytest.approx(np.mean(expected))


def test_images_without_a_mask_are_left_out_and_counted(data: Path) -> None:
    scores = evaluate(small_segmenter(), data, split="val")

    assert [image.name for image in scores.scored] == ["a", "sub/b", "c"]
    assert scores.without_mask == 1


def test_classes_that_the_data_do_not_know_are_named(data: Path) -> None:
    assert evaluate(small_segmenter(), data, split="val").unknown_classes == ("cow",)


def test_the_threshold_moves_the_gate(data: Path) -> None:
    segmenter = small_segmenter()
    answer(segmenter.network, (0.6, 0.6, 0.9))

    usual = evaluate(segmenter, data, split="val")
    high = evaluate(segmenter, data, split="val", threshold=0.8)

    assert usual.scored[0].identified == ("cat", "cow", "dog")
    assert high.scored[0].identified == ("dog",)


def test_a_segmenter_is_moved_to_the_device_asked_for(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert evaluate(small_segmenter(), data, split="val", device="cpu").images == 3
    with pytest.raises(DeviceError, match="finds no GPU"):
        evaluate(small_segmenter(), data, split="val", device="cuda")


def test_a_model_and_data_may_be_paths_or_values(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    segmenter = Segmenter(
        preset_named("tiny").build(2), ClassList(("cat", "dog")), small_frame(96), "tiny", {}
    )
    save_model(tmp_path / "run/model", segmenter)
    expected = evaluate(segmenter, Catalogue.read(data), split="val")

    for model in (tmp_path / "run", str(tmp_path / "run/model")):
        scores = evaluate(model, str(data), split="val", device="cpu")
        np.testing.assert_array_equal(scores.counts, expected.counts)


def test_a_second_evaluation_gives_the_same_json(data: Path) -> None:
    one = evaluate(small_segmenter(), data, split="val").to_json()

    assert evaluate(small_segmenter(), data, split="val").to_json() == one


def test_the_batches_do_not_change_the_scores(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = evaluate(small_segmenter(), data, split="val", tags=True)
    monkeypatch.setattr(
        "decouplednet.evaluation.evaluate.batched", lambda items, **_: batched(items, size=2)
    )

    got = evaluate(small_segmenter(), data, split="val", tags=True)

    assert np.abs(got.counts - expected.counts).sum() <= 4
    assert [image.name for image in got.scored] == [image.name for image in expected.scored]


def test_progress_wraps_the_images_to_score(data: Path) -> None:
    seen: list[str] = []

    def progress(records: Sequence[Record]) -> Iterable[Record]:
        assert len(records) == 3
        for record in records:
            yield record
            seen.append(record.name)

    evaluate(small_segmenter(), data, split="val", progress=progress)

    assert seen == ["a", "sub/b", "c"]


def test_an_image_that_cannot_be_read_does_not_stop_the_rest(data: Path) -> None:
    (data / "images/sub/b.png").write_text("no picture")
    (data / "masks/c.png").write_bytes((data / "masks/a.png").read_bytes())

    scores = evaluate(small_segmenter(), data, split="val")

    assert [image.name for image in scores.scored] == ["a"]
    assert len(scores.failures) == 2
    assert "b.png: not a readable image" in scores.failures[0]
    assert "c.png: the mask is 53 x 37 pixels, its image 7 x 11" in scores.failures[1]


def test_a_split_without_any_mask_is_refused(data: Path) -> None:
    with pytest.raises(DataError, match=r"data: none of the 1 images to score has a mask"):
        evaluate(small_segmenter(), data, split="bare")


def test_a_split_of_which_nothing_can_be_read_is_refused(data: Path) -> None:
    for name in masks():
        (data / "images" / f"{name}.png").write_text("no picture")

    message = r"a\.png: not a readable image: .* \(no image could be scored; 3 failed\)"
    with pytest.raises(DataError, match=message):
        evaluate(small_segmenter(), data, split="val")


def test_an_unknown_split_is_refused_with_the_nearest(data: Path) -> None:
    with pytest.raises(DataError, match=r"there is no split 'vla'; did you mean 'val'\?"):
        evaluate(small_segmenter(), data, split="vla")


def test_data_without_any_class_of_the_model_are_refused(data: Path) -> None:
    message = r"has none of the model's classes \(cow, horse\); its classes are dog, bird, cat"
    with pytest.raises(DataError, match=message):
        evaluate(small_segmenter(("cow", "horse")), data, split="val")


class _AlwaysDog:
    """Says dog of the upper half of every image, and cow where it is told of one."""

    classes = ClassList(("cow", "dog"))
    others: Literal["ignore", "background"] = "background"

    def predict(
        self,
        images: Sequence[NDArray[np.uint8]],
        tags: Sequence[Collection[str] | None] | None = None,
        *,
        class_maps: bool = True,
    ) -> list[Prediction]:
        assert not class_maps
        assert tags is not None
        found = []
        for image, given in zip(images, tags, strict=True):
            label_map = np.zeros(image.shape[:2], np.uint8)
            label_map[: len(image) // 2] = 1 if given and "cow" in given else 2
            found.append(Prediction(label_map, {}, {"cow": 0.1, "dog": 0.9}, ("dog",)))
        return found


def test_whatever_predicts_images_can_be_scored(data: Path) -> None:
    catalogue = Catalogue.read(data)
    scores = evaluate_records(_AlwaysDog(), catalogue, catalogue.split("val"), tags=True)

    counts = np.zeros((3, 3), np.int64)
    for mask in masks().values():
        for (row, _), found in np.ndenumerate(mask):
            if found != 255:
                counts[2 * (found == 1), 2 * (row < len(mask) // 2)] += 1
    assert np.array_equal(scores.counts, counts)
    assert scores.unknown_classes == ("cow",)


def test_records_can_be_scored_without_a_split(data: Path) -> None:
    catalogue = Catalogue.read(data)

    scores = evaluate_records(small_segmenter().predictor(), catalogue, [catalogue.record("c")])

    assert scores.images == 1
    assert scores.counts.sum() == SIZES["c"][0] * SIZES["c"][1]


def test_scores_with_and_without_true_tags_take_one_look_at_each_image(data: Path) -> None:
    catalogue, looks = Catalogue.read(data), list[int]()
    records, segmenter = catalogue.split("val"), small_segmenter()

    def look(module: object, inputs: tuple[torch.Tensor, ...], output: object) -> None:
        looks.append(len(inputs[0]))

    segmenter.network.get_submodule("classifier.encoder").register_forward_hook(look)
    both = evaluate_both(segmenter.predictor(), catalogue, records)

    assert looks == [3]
    for scores, tags in zip(both, (False, True), strict=True):
        alone = evaluate_records(segmenter.predictor(), catalogue, records, tags=tags)
        assert scores.to_json() == alone.to_json()
    assert both[0].miou != both[1].miou


def test_what_cannot_be_read_is_a_failure_of_both(data: Path) -> None:
    (data / "images/sub/b.png").write_text("no picture")
    catalogue = Catalogue.read(data)

    both = evaluate_both(_AlwaysDog(), catalogue, catalogue.split("val"))

    assert [scores.images for scores in both] == [2, 2]
    assert [len(scores.failures) for scores in both] == [1, 1]
