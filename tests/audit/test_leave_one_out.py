"""The fit to all others in one go against a fit for each image."""

import numpy as np
import pytest

from decouplednet.audit.leave_one_out import STRENGTHS, leave_one_out
from tests.audit.test_features import table_of


def problem(images: int, features: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(images, features)) * rng.uniform(0.2, 5, features) + 3
    rows = rows.astype(np.float16).astype(np.float64)
    tags = rows @ rng.normal(size=(features, 3)) + rng.normal(size=(images, 3))
    return rows, (tags > np.median(tags, axis=0)).astype(np.float64)


def refitted(rows: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Return what is said of each image by fits to all others, solved one by one."""
    images = len(rows)
    scaled = (rows - rows.mean(0)) / rows.std(0)
    said = np.empty((len(STRENGTHS), *tags.shape))
    for place, strength in enumerate(STRENGTHS):
        for image in range(images):
            others = np.arange(images) != image
            known = np.column_stack([scaled[others], np.ones(images - 1)])
            penalty = np.diag([strength * images] * rows.shape[1] + [0.0])
            weights = np.linalg.solve(known.T @ known + penalty, known.T @ tags[others])
            said[place, image] = np.append(scaled[image], 1) @ weights
    best = np.square(said - tags).sum(axis=1).argmin(axis=0)
    return np.stack([said[best[k], :, k] for k in range(tags.shape[1])], axis=1)


@pytest.mark.parametrize(("images", "features"), [(23, 7), (11, 17)])
def test_it_is_a_fit_to_all_other_images(images: int, features: int) -> None:
    rows, tags = problem(images, features, seed=images)

    said = leave_one_out(table_of(rows), tags)

    np.testing.assert_allclose(said, refitted(rows, tags), rtol=1e-7, atol=1e-9)


def test_an_image_does_not_know_its_own_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decouplednet.audit.leave_one_out.STRENGTHS", (0.1,))
    rows, tags = problem(30, 25, seed=1)
    changed = tags.copy()
    changed[4] = 1 - tags[4]

    said, other = (leave_one_out(table_of(rows), each) for each in (tags, changed))

    np.testing.assert_allclose(said[4], other[4], atol=1e-9)
    assert np.abs(said[:4] - other[:4]).min() > 1e-6


def test_features_that_do_not_vary_change_nothing() -> None:
    rows, tags = problem(19, 4, seed=2)
    more = np.column_stack([rows, np.full(19, 7.0), np.zeros(19)])

    said, expected = (leave_one_out(table_of(each), tags) for each in (more, rows))

    np.testing.assert_allclose(said, expected, atol=1e-9)


def test_a_class_that_every_image_has_is_said_of_every_image() -> None:
    rows, tags = problem(12, 3, seed=3)
    tags[:, 1] = 1

    assert leave_one_out(table_of(rows), tags)[:, 1].tolist() == pytest.approx([1.0] * 12)
