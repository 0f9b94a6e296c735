from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from decouplednet.classes import IGNORE, ClassList
from decouplednet.inference.certainty import LeastCertainty, certainty
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.procedure import Procedure
from decouplednet.inference.segmenter import Segmenter
from decouplednet.inference.tiles import TiledPredictor
from decouplednet.prelabel.confidence import confidences, image_confidence
from decouplednet.prelabel.disagreements import Disagreement, Veto
from decouplednet.prelabel.labeller import Labeller
from tests.inference.small import answer, small_frame, small_network

MODEL = ClassList(("cat", "cow", "dog", "ant"))
DATA = ClassList(("dog", "cat", "zebra", "cow"))
OF_MODEL = {"cat": 0.97, "cow": 0.6, "dog": 0.01, "ant": 0.98}
TO_DATA = {0: 0, 1: 2, 2: 4, 3: 1}  # ids of the model to those of the data set


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    network = small_network(len(MODEL), seed=1)
    answer(network, tuple(OF_MODEL.values()))
    return Segmenter(network, MODEL, small_frame(), "tiny", {}, Procedure()).predictor()


def picture(seed: int, size: tuple[int, int] = (37, 53)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def translated(label_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.array([[TO_DATA[value] for value in row] for row in label_map.tolist()], np.uint8)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("tags", [("dog",), ("cat", "cow"), (), None])
def test_a_label_map_is_that_of_the_classes_that_are_looked_for(
    predictor: Predictor, tags: tuple[str, ...] | None, hard: bool
) -> None:
    image = picture(0)
    looked_for = {"cat", "cow"} if tags is None else {*tags} | (set() if hard else {"cat"})

    (labelled,) = Labeller(predictor, DATA, Veto(hard)).label([image], [tags])
    (expected,) = predictor.predict([image], [looked_for])

    np.testing.assert_array_equal(labelled.label_map, translated(expected.label_map))
    of_class = confidences(expected, certainty(expected), MODEL)
    assert labelled.of_class == pytest.approx(of_class, abs=1e-5)
    assert labelled.confidence == pytest.approx(image_confidence(of_class), abs=1e-5)
    assert labelled.unsure == 0


def test_disagreements_are_told_in_the_shares_of_the_label_map(predictor: Predictor) -> None:
    (labelled,) = Labeller(predictor, DATA, Veto()).label([picture(0)], [("dog", "zebra")])

    of_image = {one.name: one for one in labelled.disagreements}
    assert {name: one.kind for name, one in of_image.items()} == {
        "dog": "doubted",
        "zebra": "unknown",
        "cat": "suggested",
        "cow": "vetoed",
    }
    for name in ("dog", "cat"):
        share = (labelled.label_map == DATA.index(name)).mean()
        assert of_image[name].share == pytest.approx(share)
        assert of_image[name].probability == pytest.approx(OF_MODEL[name], abs=1e-5)
    assert of_image["zebra"] == Disagreement("zebra", "unknown", None, 0.0)


def test_a_tag_that_the_model_does_not_know_makes_nobody_sure_of_background(
    predictor: Predictor,
) -> None:
    labeller = Labeller(predictor, DATA, Veto(hard=True))

    unknown, nothing = labeller.label([picture(0), picture(0)], [("zebra",), ()])

    assert not unknown.label_map.any()
    assert (unknown.of_class, unknown.confidence) == ({"background": 1.0, "zebra": 0.0}, 0.5)
    assert (nothing.of_class, nothing.confidence) == ({"background": 1.0}, 1.0)


def test_unsure_pixels_are_left_open_and_change_neither_confidence_nor_disagreements(
    predictor: Predictor,
) -> None:
    image, tags = picture(2), ("cat", "dog")
    (told,) = predictor.predict([image], [tags])
    maps = [told.background_map(), *told.class_maps.values()]
    usual = float(np.median(np.max(maps, axis=0)))
    least = LeastCertainty(usual, {"cat": usual + 0.001})

    (open_,) = Labeller(predictor, DATA, Veto(), least).label([image], [tags])
    (whole,) = Labeller(predictor, DATA, Veto()).label([image], [tags])

    wanted = {0: usual, 2: usual + 0.001, 1: 0.0}
    for row in range(37):
        for column in range(53):
            sure = max(float(one[row, column]) for one in maps)
            value = int(whole.label_map[row, column])
            expected = value if sure >= np.float32(wanted[value]) else IGNORE
            assert open_.label_map[row, column] == expected
    assert 0.1 < open_.unsure < 0.9
    assert open_.unsure == pytest.approx((open_.label_map == IGNORE).mean())
    assert open_.of_class == whole.of_class
    assert open_.disagreements == whole.disagreements


def test_only_images_with_a_suggestion_are_seen_twice(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[Any]] = []
    predict = Predictor.predict

    def counted(self: Predictor, images: Sequence[Any], tags: Any = None, **more: Any) -> Any:
        asked.append(list(tags))
        return predict(self, images, tags, **more)

    monkeypatch.setattr(Predictor, "predict", counted)
    images = [picture(0), picture(1, (21, 30)), picture(2, (19, 8))]
    labelled = Labeller(predictor, DATA, Veto()).label(images, [("cat",), ("cow",), ("zebra",)])

    assert asked == [[{"cat"}, {"cow"}, set()], [{"cow", "cat"}, {"cat"}]]
    assert [one.label_map.shape for one in labelled] == [(37, 53), (21, 30), (19, 8)]


def test_large_images_are_seen_in_tiles(predictor: Predictor) -> None:
    image, tiled = picture(4, (61, 97)), TiledPredictor(predictor=predictor, tile=48)

    (labelled,) = Labeller(tiled, DATA, Veto()).label([image], [("dog",)])
    (expected,) = tiled.predict([image], [{"dog", "cat"}])

    np.testing.assert_array_equal(labelled.label_map, translated(expected.label_map))


def test_no_image_has_no_pre_label(predictor: Predictor) -> None:
    assert Labeller(predictor, DATA, Veto()).label([], []) == []
