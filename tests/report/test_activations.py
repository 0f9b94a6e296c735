from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from decouplednet.errors import DataError
from decouplednet.networks.saliency import saliency_by_autograd
from decouplednet.report.activations import IMAGES_AT_ONCE, Asked, activations
from tests.inference.small import SIDE, small_segmenter
from tests.networks.small import paper_parts


def write_images(folder: Path, count: int) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.fromarray(rng.integers(0, 255, (20 + number, 30, 3), np.uint8)).save(path)
    return paths


def test_every_pair_of_image_and_class_has_its_map(tmp_path: Path) -> None:
    segmenter = small_segmenter()
    paths = write_images(tmp_path, IMAGES_AT_ONCE + 1)
    labels = [(0,), (2, 1), (1,), (0, 1, 2), (2,)]
    asked = [Asked(path, each) for path, each in zip(paths, labels, strict=True)]

    got = activations(segmenter, asked)

    assert got.image_index.tolist() == [0, 1, 1, 2, 3, 3, 3, 4]
    assert got.label.tolist() == [0, 2, 1, 1, 0, 1, 2, 2]
    assert got.g.shape == got.pool5.shape == (8, 8, SIDE // 32, SIDE // 32)
    assert (got.g >= 0).all()
    np.testing.assert_allclose(got.response[3], [channel.mean() for channel in got.g[3]], rtol=1e-6)
    np.testing.assert_array_equal(got.pool5[4], got.pool5[5])


def test_a_map_is_what_the_bridge_makes_of_one_image_and_one_class(tmp_path: Path) -> None:
    segmenter = small_segmenter()
    network = segmenter.network
    (path,) = write_images(tmp_path, 1)

    got = activations(segmenter, [Asked(path, (2, 0))])

    image = segmenter.frame.image(np.asarray(Image.open(path)))[None]
    traced = network.see(image)
    for row, label in ((0, 2), (1, 0)):
        probability = float(traced.score[0, label].sigmoid())
        seed = torch.zeros(1, 3)
        seed[0, label] = max(0.5, probability)  # the true tag is given
        pool5 = traced.encoded.pool5
        saliency = saliency_by_autograd(seed, torch.tensor([0]), pool5, network.classifier.head)
        bridge, _ = paper_parts(network)
        g = bridge(pool5, saliency)
        np.testing.assert_allclose(got.g[row], g[0].detach().numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(got.pool5[row], pool5[0].numpy(), rtol=1e-5)


def test_progress_sees_every_batch(tmp_path: Path) -> None:
    paths = write_images(tmp_path, IMAGES_AT_ONCE + 1)
    seen: list[int] = []

    def progress(batches: list[list[Asked]]) -> list[list[Asked]]:
        seen.extend(len(batch) for batch in batches)
        return batches

    activations(small_segmenter(), [Asked(path, (0,)) for path in paths], progress=progress)  # type: ignore[arg-type]

    assert seen == [IMAGES_AT_ONCE, 1]


def test_an_unreadable_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: not a readable image: there is no such file"):
        activations(small_segmenter(), [Asked(tmp_path / "gone.png", (0,))])
