from pathlib import Path

import numpy as np
import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.images import read_image
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import torchvision_frame
from decouplednet.errors import DataError
from decouplednet.inference.segmenter import Segmenter
from decouplednet.report.examples import class_maps, examples, truth_of
from decouplednet.report.pictures import label_map_picture, map_picture, photograph
from tests.inference.small import answer, small_network
from tests.report.fake_run import write_data

CHOSEN = ("dog", "cat")  # another order than the data set's, and one class less


def a_segmenter(others: str) -> Segmenter:
    network = small_network(len(CHOSEN))
    answer(network, (0.9, 0.2))
    return Segmenter(network, ClassList(CHOSEN), torchvision_frame(64), "tiny", {"others": others})


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    write_data(tmp_path)
    return Catalogue.read(tmp_path)


@pytest.mark.parametrize(("others", "left_out"), [("ignore", 255), ("background", 0)])
def test_the_truth_is_in_the_indices_of_the_model(
    catalogue: Catalogue, others: str, left_out: int
) -> None:
    record = catalogue.record("masked/1")
    assert record.mask is not None

    truth = truth_of(a_segmenter(others), catalogue, record)

    new = {0: 0, 1: 2, 2: left_out, 3: 1, 255: 255}
    mask = record.mask.read()
    assert truth.tolist() == [[new[int(index)] for index in row] for row in mask]
    assert {2, 3} <= set(mask.flat)


def test_examples_show_image_truth_and_prediction(catalogue: Catalogue) -> None:
    segmenter = a_segmenter("ignore")
    record = catalogue.record("masked/1")

    second, first = examples(segmenter, catalogue, {"masked/1": 0.25, "masked/0": 0.5})

    image = read_image(record.image)
    assert (second.name, second.miou, first.name, first.miou) == ("masked/1", 0.25, "masked/0", 0.5)
    assert second.photograph == photograph(image)
    assert second.truth == label_map_picture(truth_of(segmenter, catalogue, record))
    assert second.prediction == label_map_picture(segmenter.predict(image).label_map)
    assert second.in_truth == ("dog",)
    assert second.identified == ("dog",)  # what the gate says
    assert first.in_truth == ("cat",)


def test_an_image_that_is_gone_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(DataError, match="there is no image 'masked/9'"):
        examples(a_segmenter("ignore"), catalogue, {"masked/9": 0.1})


def test_class_maps_show_each_class_that_is_asked_for(catalogue: Catalogue) -> None:
    segmenter = a_segmenter("ignore")
    record = catalogue.record("tagged_0")
    tags = frozenset(CHOSEN)

    (shown,) = class_maps(segmenter, [(record, tags)])

    image = read_image(record.image)
    predicted = segmenter.predict(image, tags)
    assert shown.name == "tagged_0"
    assert shown.photograph == photograph(image)
    assert shown.label_map == label_map_picture(predicted.label_map)
    assert [each.name for each in shown.maps] == ["dog", "cat"]
    for index, each in enumerate(shown.maps, start=1):
        assert each.map == map_picture(predicted.class_maps[each.name], highest=1.0)
        assert each.share == np.count_nonzero(predicted.label_map == index) / image[..., 0].size


def test_progress_sees_every_image(catalogue: Catalogue) -> None:
    seen: list[object] = []

    def progress(items: object) -> object:
        seen.append(items)
        return items

    segmenter = a_segmenter("ignore")
    tagged = [(catalogue.record("tagged_0"), frozenset({"cat"}))]
    examples(segmenter, catalogue, {"masked/0": 0.5}, progress=progress)  # type: ignore[arg-type]
    class_maps(segmenter, tagged, progress=progress)  # type: ignore[arg-type]

    assert seen == [("masked/0",), tagged]
