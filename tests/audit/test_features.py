"""Features of images on disk, pooled over what each image covers of the frame."""

import math

import numpy as np
import pytest
import torch

from decouplednet.audit.features import FeatureTable, pooled
from tests.inference.small import small_frame


def table_of(rows: np.ndarray, at_once: int = 3) -> FeatureTable:
    table = FeatureTable()
    for start in range(0, len(rows), at_once):
        table.add(rows[start : start + at_once].astype(np.float16))
    return table


@pytest.mark.parametrize("most", [1, 4, 100])
def test_rows_come_back_in_their_order_as_often_as_they_are_asked_for(most: int) -> None:
    rows = np.random.default_rng(0).normal(size=(11, 5)).astype(np.float16)
    table = table_of(rows)

    for _ in range(2):
        read = list(table.chunks(most))
        assert np.array_equal(np.concatenate([chunk for _, chunk in read]), rows)
        assert [places.stop - places.start for places, _ in read] == [len(c) for _, c in read]
        for places, chunk in read:
            assert np.array_equal(rows[places], chunk)
            assert chunk.dtype == np.float64
    assert table.row_count == 11


def test_features_are_signed_roots_of_means_over_the_positions_of_the_image() -> None:
    frame = small_frame(64)
    pool5 = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
    # An image of 20 x 53 pixels fills 24 of 64 rows: three positions of eight pixels.
    content = pool5[:, :3, :].reshape(3, -1).tolist()
    means = [sum(one) / len(one) for one in content]

    row = pooled(pool5, frame, (20, 53))

    expected = [math.copysign(math.sqrt(abs(mean)), mean) for mean in means]
    assert row.dtype == np.float16
    assert min(expected) < 0 < max(expected)
    np.testing.assert_allclose(row, expected, rtol=2e-3)


def test_an_image_of_one_row_has_features_too() -> None:
    assert pooled(torch.ones(2, 4, 4), small_frame(64), (1, 900)).tolist() == [1, 1]


def test_features_of_large_activations_fit_into_half_precision() -> None:
    assert pooled(torch.full((1, 2, 2), 1e6), small_frame(64), (9, 9)).tolist() == [1000]
