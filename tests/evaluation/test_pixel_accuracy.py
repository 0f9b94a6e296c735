"""Thresholds of a real predictor on held-out masks, and how they are kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import read_image
from decouplednet.classes import IGNORE, ClassList
from decouplednet.errors import DataError, SettingsError
from decouplednet.evaluation.abstention import LEVELS, ImageCounts, count_image
from decouplednet.evaluation.pixel_accuracy import (
    Abstention,
    abstention_of,
    measure_abstention,
)
from tests.evaluation.shapes import masks, write_data
from tests.evaluation.test_evaluate import truth_of
from tests.inference.small import small_segmenter

TAGS = {"a": {"cat", "dog"}, "sub/b": {"dog"}, "c": {"cat"}}
CLASSES = ClassList(("cat", "cow"))


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue.read(write_data(tmp_path / "data"))


def measured(
    catalogue: Catalogue, accuracy: float = 0.3, folds: int = 5
) -> tuple[Abstention, tuple[str, ...]]:
    records = [record for record in catalogue.records if record.mask]
    predictor = small_segmenter(seed=1).predictor()
    return measure_abstention(predictor, catalogue, records, accuracy=accuracy, folds=folds)


def an_abstention() -> Abstention:
    return Abstention(
        asked=0.95,
        thresholds={"background": 0.0, "cat": 0.62246, "cow": None},
        own=("background", "cat"),
        common=0.73106,
        achieved=0.9512,
        achieved_of={"background": 0.97, "cat": 0.9, "cow": None},
        accepted=0.8234,
        images=12,
        folds=5,
    )


def test_what_is_achieved_is_that_of_a_loop_over_images_and_pixels(catalogue: Catalogue) -> None:
    names = list(masks())
    records = [record for record in catalogue.records if record.mask]
    order = [record.name for record in records]
    images = [read_image(record.image) for record in records]
    # Together, as they are counted: sums of other batches may round to another level.
    predictions = small_segmenter(seed=1).predictor().predict(images, [TAGS[n] for n in order])
    counts = [
        count_image(prediction.label_map, prediction.certainty(), truth_of(name, IGNORE))
        for name, prediction in zip(order, predictions, strict=True)
    ]

    found, failures = measured(catalogue)

    assert failures == ()
    assert found == abstention_of(counts, ClassList(("cat", "cow", "dog")), 0.3, 5, 0)
    assert found.images == len(names) == found.folds == 3
    assert list(found.thresholds) == ["background", "cat", "cow", "dog"]
    assert 0 < found.accepted <= 1


def test_an_image_that_cannot_be_read_is_named(catalogue: Catalogue) -> None:
    (catalogue.root / "images" / "c.png").write_text("no picture")

    with pytest.raises(DataError) as refused:
        measured(catalogue)

    assert str(refused.value) == (
        f"{catalogue.root}: 2 images with a mask held out; thresholds are chosen on some and "
        "checked on others, which takes at least 3; draw more masks, or hold out more"
    )


def test_failures_are_given_back(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    for name in ("e", "f"):
        (root / "images" / f"{name}.png").write_bytes((root / "images" / "c.png").read_bytes())
        (root / "masks" / f"{name}.png").write_bytes((root / "masks" / "c.png").read_bytes())
    (root / "images" / "e.png").write_text("no picture")

    found, (failure,) = measured(Catalogue.read(root))

    assert failure.startswith(f"{root / 'images' / 'e.png'}: not a readable image")
    assert found.images == 4


@pytest.mark.parametrize("accuracy", [0, 1, 1.2, -0.1, float("nan")])
def test_an_accuracy_that_is_no_share_is_refused(catalogue: Catalogue, accuracy: float) -> None:
    with pytest.raises(SettingsError) as refused:
        measured(catalogue, accuracy)

    assert str(refused.value) == (
        f"pixel accuracy = {accuracy!r}: expected a share between 0 and 1"
    )


def test_a_single_fold_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(
        SettingsError, match=r"^folds = 1: thresholds are chosen on others, so at least 2$"
    ):
        measured(catalogue, folds=1)


def test_a_data_set_without_a_class_of_the_model_is_refused(catalogue: Catalogue) -> None:
    (catalogue.root / "classes.txt").write_text("pig\nhen\nape\n")

    with pytest.raises(DataError, match=r"has none of the model's classes \(cat, cow, dog\)"):
        measured(Catalogue.read(catalogue.root))


def test_thresholds_are_those_of_their_levels() -> None:
    # Twenty images: background is right from the third level on, the class never.
    size = len(LEVELS)
    won, right = np.zeros((2, size), np.int64), np.zeros((2, size), np.int64)
    won[:, 2], won[:, 50] = 100, 100
    right[0, 50] = 100
    counts = [ImageCounts(np.array([0, 1], np.uint8), won, right)] * 20

    found = abstention_of(counts, CLASSES, 0.9, 4, 0)

    assert found.thresholds == {
        "background": pytest.approx(float(LEVELS[3]), abs=1e-6),
        "cat": None,
        "cow": None,
    }
    assert found.own == ("background", "cat")
    assert found.common is None
    assert found.achieved == 1.0
    assert found.achieved_of == {"background": 1.0, "cat": None, "cow": None}
    assert found.accepted == 0.25
    assert (found.images, found.folds) == (20, 4)


def test_the_table_is_in_the_order_of_the_model() -> None:
    table = an_abstention().table(CLASSES)

    assert table.dtype == np.float32
    assert table.tolist() == [0.0, np.float32(0.62246), np.inf]


def test_thresholds_of_other_classes_are_refused() -> None:
    with pytest.raises(DataError) as refused:
        an_abstention().table(ClassList(("cow", "cat")))

    assert str(refused.value) == (
        "thresholds are those of background, cat, cow; the model has background, cow, cat; "
        "choose them anew with this model"
    )


def test_it_comes_back_from_json() -> None:
    kept = an_abstention()

    assert Abstention.from_json(json.loads(json.dumps(kept.to_json())), "a.json") == kept


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"asked": 1.0}, "a.json: asked: Input should be less than 1; was it edited by hand?"),
        (
            {"thresholds": {"cat": "high"}},
            "a.json: thresholds.cat: Input should be a valid number, unable to parse string as a "
            "number; was it edited by hand?",
        ),
        ({"more": 1}, "a.json: more: Extra inputs are not permitted; was it edited by hand?"),
    ],
)
def test_json_of_another_kind_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError) as refused:
        Abstention.from_json(an_abstention().to_json() | change, "a.json")

    assert str(refused.value) == message


def test_it_says_what_was_achieved() -> None:
    kept = an_abstention().to_json()

    assert an_abstention().in_words() == (
        "95.1% of the accepted pixels right, 95.0% asked for; 82.3% of all pixels accepted "
        "(12 held-out images, 5 folds)"
    )
    assert Abstention.from_json(kept | {"achieved": None}, "").in_words() == (
        "no pixel is certain enough to be right in 95.0% (12 held-out images, 5 folds)"
    )
