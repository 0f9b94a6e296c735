import itertools
import math

import numpy as np
import pytest

from decouplednet.report.similarity import similarity


def test_similarity_equals_a_reading_pair_by_pair() -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(9, 4, 2, 3)).astype(np.float32)
    class_index = np.array([0, 1, 0, 2, 2, 1, 0, 2, 1])
    image_index = np.array([0, 0, 1, 1, 2, 3, 4, 5, 5])

    got = similarity(maps, class_index=class_index, image_index=image_index, class_count=3)

    within: dict[int, list[float]] = {0: [], 1: [], 2: []}
    between = []
    for first, second in itertools.combinations(range(9), 2):
        if image_index[first] == image_index[second]:
            continue
        a, b = ([float(value) for value in maps[n].flat] for n in (first, second))
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        cosine = dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))
        if class_index[first] == class_index[second]:
            within[int(class_index[first])].append(cosine)
        else:
            between.append(cosine)
    together = [value for values in within.values() for value in values]
    assert got.within == pytest.approx(sum(together) / len(together))
    assert got.between == pytest.approx(sum(between) / len(between))
    assert got.by_class == pytest.approx([sum(v) / len(v) for v in within.values()])


def test_two_maps_of_one_image_are_no_pair() -> None:
    maps = np.eye(3)
    class_index = np.array([0, 1, 0])

    got = similarity(maps, class_index=class_index, image_index=np.array([7, 7, 7]), class_count=2)

    assert got.within is None
    assert got.between is None
    assert got.by_class == (None, None)


def test_a_class_without_images_has_no_similarity_and_an_empty_map_is_like_nothing() -> None:
    maps = np.array([[3.0, 4.0], [3.0, 4.0], [0.0, 0.0]])
    class_index = np.array([1, 1, 0])

    got = similarity(maps, class_index=class_index, image_index=np.arange(3), class_count=3)

    assert got.by_class[1] == pytest.approx(1.0)
    assert got.by_class[::2] == (None, None)
    assert got.between == 0.0
