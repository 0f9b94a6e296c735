from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.record import Record
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import torchvision_frame
from decouplednet.report.activation_figure import (
    LEAST_TO_CHOOSE_BY,
    activation_figure,
    choose_channel,
    over_image,
)
from decouplednet.report.activations import Activations
from decouplednet.report.channel import representative_channel, separation
from decouplednet.report.similarity import similarity

CLASSES = ClassList(("cat", "cow", "dog"))


def random_maps(images: int, labels: list[int], image_index: list[int]) -> Activations:
    rng = np.random.default_rng(images)
    g, pool5 = rng.random((2, len(labels), 5, 2, 2), np.float32)
    return Activations(np.array(image_index), np.array(labels), g, pool5)


def test_the_channel_is_chosen_by_images_that_are_not_shown() -> None:
    labels = [0] * (2 + LEAST_TO_CHOOSE_BY) + [1] * 3
    maps = random_maps(1, labels, [*range(9)][: len(labels)])
    maps.g[:2, 0] = 1000.0  # what is shown would make channel 0 win

    channel, separated, by_others = choose_channel(maps, 0, [0, 1])

    response, belongs = maps.response[2:], np.array(labels)[2:] == 0
    assert channel == representative_channel(response, belongs)
    assert separated == pytest.approx(separation(response, belongs)[channel])
    assert by_others


def test_all_images_choose_where_too_few_others_have_the_class() -> None:
    labels = [0] * (1 + LEAST_TO_CHOOSE_BY) + [1] * 3
    maps = random_maps(2, labels, [*range(len(labels))])

    channel, _, by_others = choose_channel(maps, 0, [0, 1])

    assert channel == representative_channel(maps.response, np.array(labels) == 0)
    assert not by_others


def test_a_map_is_cut_to_the_image() -> None:
    frame = torchvision_frame(64)
    values = np.array([[1.0, 2.0], [3.0, 4.0]])

    got = over_image(values, frame, (30, 40))

    height, width = frame.place((30, 40)).placed
    assert got.shape == (height, width) == (48, 64)
    expected = [[values[row // 32, column // 32] for column in range(64)] for row in range(48)]
    np.testing.assert_array_equal(got, expected)


def test_the_figure_has_a_row_for_each_class_that_has_images(tmp_path: Path) -> None:
    records = []
    for number in range(4):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (40, 20 + number)).save(path)
        records.append(Record(f"image {number}", path, None, None))
    maps = random_maps(3, [0, 2, 0, 2, 0], [0, 0, 1, 2, 3])
    maps.g[1:, :, 1, 1] = 0
    maps.g[1] = 0
    maps.g[3] = 0
    maps.g[3, :, 0, 1] = 7
    shown = {"cat": ("image 0", "image 3"), "cow": (), "dog": ("image 0", "image 2")}

    figure = activation_figure(maps, records, shown, classes=CLASSES, frame=torchvision_frame(64))

    cat, dog = figure.rows
    assert (cat.name, cat.index, dog.name, dog.index) == ("cat", 1, "dog", 3)
    assert [column.name for column in cat.columns] == ["image 0", "image 3"]
    assert cat.channel == choose_channel(maps, 0, [0, 3])[0]
    assert not cat.chosen_by_others
    # The upper square of a map covers most of so flat an image: its middle is in the middle.
    assert [column.peak for column in dog.columns] == [
        "zero everywhere",
        "highest in the middle right",
    ]
    assert figure.missing == ("cow",)
    assert (figure.images, figure.maps) == (4, 5)
    for values, found in (
        (maps.g, figure.g),
        (maps.pool5, figure.pool5),
        (maps.g.mean(axis=(2, 3)), figure.mean_g),
        (maps.pool5.mean(axis=(2, 3)), figure.mean_pool5),
    ):
        assert found == similarity(
            values, class_index=maps.label, image_index=maps.image_index, class_count=3
        )
    assert cat.within_g == figure.g.by_class[0]
    assert dog.within_pool5 == figure.pool5.by_class[2]
