"""The cache of frozen features: bounded, keyed by content, safe to delete."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.dataset.frame import torchvision_frame
from decouplednet.dataset.tagged import TaggedImages
from decouplednet.errors import DataError
from decouplednet.networks.vgg import VGG
from decouplednet.stage_settings import AugmentationSettings
from decouplednet.training.kept_features import (
    FeatureCache,
    Frozen,
    KeptFeatures,
    cache_folder,
    digest_of,
    keep_features,
)
from tests.shapes import write_shapes

SIDE = 40


def _examples(root: Path, seed: int = 0) -> TaggedImages:
    catalogue = Catalogue.read(root)
    return TaggedImages(
        catalogue.records,
        [record.tags for record in catalogue.records],
        classes=catalogue.classes,
        frame=torchvision_frame(SIDE),
        augmentation=AugmentationSettings(),
        seed=seed,
    )


class _Below:
    """Stands for the frozen convolutions: averages 8 x 8 pixels, and counts the images."""

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, image: Tensor) -> Tensor:
        self.images += len(image)
        return torch.nn.functional.avg_pool2d(image, 8)


def _keep(
    root: Path,
    cache: FeatureCache,
    *,
    seed: int = 0,
    views: int = 2,
    encoder: str = "weights",
    preparation: str = "frame",
    workers: int = 0,
    progressed: list[int] | None = None,
) -> tuple[KeptFeatures, int]:
    def progress(images: Sequence[int]) -> Sequence[int]:
        if progressed is not None:
            progressed.append(len(images))
        return images

    below = _Below()
    kept = keep_features(
        Frozen(below, encoder, torch.device("cpu"), None),
        _examples(root, seed),
        views=views,
        seed=seed,
        preparation=preparation,
        cache=cache,
        workers=workers,
        progress=progress,
    )
    return kept, below.images


def test_features_are_what_the_convolutions_make_of_each_view(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "data", images=5, masks=0)
    kept, _ = _keep(root, FeatureCache(tmp_path / "cache", 10**8))
    examples = _examples(root)
    assert kept.features.shape == (5, 2, 3, 5, 5)
    for index in range(5):
        for view in range(2):
            image = examples.view(index, view).image
            expected = torch.nn.functional.avg_pool2d(image[None], 8)[0]
            torch.testing.assert_close(
                kept.features[index, view].float(), expected, atol=2e-3, rtol=2e-3
            )
    assert torch.equal(kept.tags, examples.tags)


def test_worker_processes_change_nothing_but_the_time(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "data", images=5, masks=0)
    alone, _ = _keep(root, FeatureCache(tmp_path / "cache", 0))
    beside, _ = _keep(root, FeatureCache(tmp_path / "cache", 0), workers=2)
    assert torch.equal(beside.features, alone.features)


def test_a_fault_in_a_worker_process_is_one_line(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "data", images=5, masks=0)
    examples = _examples(root)
    broken = examples.records[3].image
    broken.write_bytes(b"no image")
    with pytest.raises(DataError) as fault:
        keep_features(
            Frozen(_Below(), "weights", torch.device("cpu"), None),
            examples,
            views=1,
            seed=0,
            preparation="frame",
            cache=FeatureCache(tmp_path / "cache", 0),
            workers=1,
        )
    assert str(fault.value).startswith(f"{broken}: ")
    assert "\n" not in str(fault.value)


def test_every_pass_takes_each_image_once_and_then_its_next_view() -> None:
    features = torch.arange(6.0).reshape(3, 2, 1, 1, 1).half()
    kept = KeptFeatures(features, torch.eye(3), seed=1)
    passes = [[kept[draw] for draw in range(start, start + 3)] for start in (0, 3)]
    for seen in passes:
        assert sorted(int(tags.argmax()) for _, tags in seen) == [0, 1, 2]
    views = [{int(tags.argmax()): float(x) % 2 for x, tags in seen} for seen in passes]
    assert all(views[0][index] != views[1][index] for index in range(3))


def test_a_second_run_computes_nothing_and_gets_the_same(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "data", images=4, masks=0)
    cache = FeatureCache(tmp_path / "cache", 10**8)
    first, computed = _keep(root, cache)
    again, recomputed = _keep(root, cache)
    assert (computed, recomputed) == (8, 0)
    assert torch.equal(first.features, again.features)


def test_what_decides_a_feature_is_in_its_key(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "data", images=4, masks=0)
    cache = FeatureCache(tmp_path / "cache", 10**8)
    _keep(root, cache)
    assert _keep(root, cache, encoder="others")[1] == 8
    assert _keep(root, cache, preparation="another")[1] == 8
    assert _keep(root, cache, seed=1)[1] == 8
    assert _keep(root, cache, views=3)[1] == 12
    assert _keep(root, cache, views=1)[1] == 4
    assert _keep(root, cache, views=1, seed=1)[1] == 0, "the plain view has no random choice"
    picture = root / "images" / "picture_01.png"
    Image.fromarray(255 - np.asarray(Image.open(picture))).save(picture)
    assert _keep(root, cache)[1] == 2, "only the changed image is computed again"


def test_a_cache_that_was_deleted_or_damaged_costs_only_time(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "data", images=5, masks=0)
    cache = FeatureCache(tmp_path / "cache", 10**8)
    first, _ = _keep(root, cache)
    files = sorted((tmp_path / "cache").glob("*/*.npy"))
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:70])
    files[2].write_bytes(b"")
    np.save(files[3], np.zeros(3))
    again, computed = _keep(root, cache)
    assert computed == 8
    assert torch.equal(first.features, again.features)


def test_what_the_cache_held_makes_no_difference_to_the_last_digit(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "data", images=7, masks=0)
    cache = FeatureCache(tmp_path / "cache", 10**8)
    torch.manual_seed(0)
    vgg = VGG((64, 64, 64, 64, 64), False).eval()
    frozen = Frozen(lambda x: vgg.run_groups(x, range(5)).pool5, "", torch.device("cpu"), None)

    def features() -> Tensor:
        examples = _examples(root)
        return keep_features(
            frozen, examples, views=2, seed=0, preparation="", cache=cache
        ).features

    first = features()
    for file in sorted((tmp_path / "cache").glob("*/*.npy"))[::2]:
        file.unlink()
    assert torch.equal(features(), first)


def test_a_run_larger_than_the_cache_keeps_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("decouplednet.training.kept_features.IMAGES_BETWEEN_TRIMS", 2)
    root = write_shapes(tmp_path / "data", images=9, masks=0)
    largest: list[int] = []

    class Watched(FeatureCache):
        def put(self, key: str, array: NDArray[np.float16]) -> None:
            super().put(key, array)
            largest.append(sum(file.stat().st_size for file in tmp_path.glob("cache/*/*.npy")))

    cache = Watched(tmp_path / "cache", 1000)
    _keep(root, cache)
    array = np.load(next(tmp_path.glob("cache/*/*.npy")))
    assert max(largest) <= 1000 + 2 * (array.nbytes + 128)
    assert largest[-1] > 0


def test_the_cache_keeps_within_its_limit_and_drops_the_oldest(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 700)
    for age, key in enumerate(("aa1", "bb2", "cc3")):
        cache.put(key, np.full(100, age, np.float16))
        os.utime(tmp_path / key[:2] / f"{key}.npy", (age, age))
    cache.trim()
    assert cache.get("aa1") is None
    assert cache.get("bb2") is not None
    assert sum(file.stat().st_size for file in tmp_path.glob("*/*.npy")) <= 700


def test_an_array_that_another_run_removed_meanwhile_does_not_stop_this_one(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 1)
    cache.put("ab", np.zeros(3, np.float16))
    (tmp_path / "ab" / "gone.npy").symlink_to(tmp_path / "nowhere")  # listed, but not there
    cache.trim()
    assert not cache.has("ab")


def test_a_limit_of_zero_writes_and_reads_nothing(tmp_path: Path) -> None:
    FeatureCache(tmp_path, 10**6).put("aa", np.ones(2, np.float16))
    nothing = FeatureCache(tmp_path, 0)
    nothing.put("bb", np.ones(2, np.float16))
    assert nothing.get("aa") is None
    assert not (tmp_path / "bb").exists()


def test_a_cache_folder_that_cannot_be_made_costs_only_the_keeping(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file", 10**6)
    cache.put("aa", np.ones(2, np.float16))
    assert cache.get("aa") is None


def test_only_the_images_that_are_missing_are_shown_as_progress(tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "data", images=9, masks=0)
    cache = FeatureCache(tmp_path / "cache", 10**8)
    progressed: list[int] = []
    _keep(root, cache, progressed=progressed)
    _keep(root, cache, progressed=progressed)
    assert progressed == [9, 0]


def test_equal_weights_have_equal_digests() -> None:
    torch.manual_seed(0)
    vgg = VGG((2, 2, 2, 2, 2), True)
    twin = VGG((2, 2, 2, 2, 2), True)
    assert digest_of(vgg, None) != digest_of(twin, None)
    twin.load_state_dict(vgg.state_dict())
    assert digest_of(vgg, None) == digest_of(twin, None)
    assert digest_of(vgg, None) != digest_of(vgg, torch.bfloat16)


def test_the_cache_lies_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("DECOUPLEDNET_CACHE", raising=False)
    assert cache_folder() == tmp_path / "decouplednet"
    monkeypatch.setenv("DECOUPLEDNET_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("DECOUPLEDNET_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "decouplednet"


def test_without_a_home_the_cache_lies_among_temporary_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("DECOUPLEDNET_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("DECOUPLEDNET_CACHE")
    assert cache_folder() == Path(tempfile.gettempdir()) / "decouplednet"
