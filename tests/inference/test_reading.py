"""What all ways of predicting share, read image by image and pixel by pixel."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from decouplednet.classes import ClassList
from decouplednet.errors import DataError, ModelError
from decouplednet.inference.reading import (
    PredictsImages,
    asked_classes,
    check_finite,
    evaluating,
    given_classes,
    read_maps,
    size_of,
)
from tests.inference.small import NAMES, small_segmenter

CLASSES = ClassList(NAMES)
IMAGE = np.zeros((4, 6, 3), np.uint8)


def test_given_names_become_places_in_the_class_list() -> None:
    given = given_classes([IMAGE] * 3, [("dog", "cat"), None, ()], CLASSES)

    assert given == [[2, 0], None, []]
    assert given_classes([IMAGE] * 2, None, CLASSES) == [None, None]


def test_tags_of_another_number_kind_or_name_are_refused() -> None:
    with pytest.raises(ValueError, match="2 images, but tags for 1"):
        given_classes([IMAGE] * 2, [None], CLASSES)
    with pytest.raises(DataError, match=r"tags are a collection of names such as \{'dog'\}, not"):
        given_classes([IMAGE], ["dog"], CLASSES)
    with pytest.raises(DataError, match=r"tags = \{1\}: expected a collection of names"):
        given_classes([IMAGE], [{1}], CLASSES)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(DataError, match="there is no class 'dgo'; did you mean 'dog'"):
        given_classes([IMAGE], [("dgo",)], CLASSES)


def test_given_tags_replace_the_gate_and_leave_it_as_it_was() -> None:
    gate = torch.tensor([[True, False, True], [True, True, False], [False, True, False]])
    before = gate.clone()

    asked = asked_classes(gate, [[1], None, []])

    assert asked.tolist() == [[False, True, False], [True, True, False], [False] * 3]
    assert torch.equal(gate, before)


@pytest.mark.parametrize("keep", [True, False])
def test_maps_are_read_pixel_by_pixel(keep: bool) -> None:
    rng = torch.Generator().manual_seed(0)
    maps = torch.rand(3, 4, 5, generator=rng)
    asked, probability = torch.tensor([True, False, True]), torch.tensor([0.9, 0.125, 0.5])
    strips = [maps[:, :1], maps[:, 1:4]]

    prediction = read_maps(strips, asked, probability, CLASSES, keep=keep)

    for row, column in np.ndindex(4, 5):
        claims = maps[:, row, column].tolist()
        expected = (0, 1, 3)[claims.index(max(claims))]
        assert prediction.label_map[row, column] == expected
    assert prediction.label_map.dtype == np.uint8
    assert prediction.identified == ("cat", "dog")
    assert prediction.scores == pytest.approx({"cat": 0.9, "cow": 0.125, "dog": 0.5})
    assert list(prediction.class_maps) == (["cat", "dog"] if keep else [])
    if keep:
        np.testing.assert_allclose(prediction.class_maps["dog"], maps[2])


def test_a_size_is_height_and_width() -> None:
    assert size_of(IMAGE) == (4, 6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    check_finite(torch.zeros(3), "maps")
    with pytest.raises(ModelError, match="the network's maps are not finite; compute with precis"):
        check_finite(torch.tensor([0.0, bad]), "maps")


def test_parts_get_their_modes_back_also_after_a_fault() -> None:
    network = nn.Sequential(nn.Dropout(), nn.Dropout().eval())

    def fail() -> None:
        with evaluating(network):
            assert not any(part.training for part in network.modules())
            raise MemoryError

    with pytest.raises(MemoryError):
        fail()

    assert [part.training for part in network.modules()] == [True, True, False]


@pytest.mark.parametrize("others", ["ignore", "background"])
def test_the_predictor_of_a_segmenter_can_be_scored(others: str) -> None:
    segmenter = replace(small_segmenter(), training={"others": others})
    predictor: PredictsImages = segmenter.predictor()

    assert predictor.others == others
    assert predictor.classes is segmenter.classes
