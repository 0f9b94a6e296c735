"""What the frozen convolutions computed, kept on disk so that the next run need not compute it.

The cache is bounded, keyed by content and safe to delete at any time: a missing or damaged entry
is computed again.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from decouplednet.annotations.catalogue import Record
from decouplednet.annotations.files import write_atomically
from decouplednet.dataset.draws import Draws
from decouplednet.dataset.tagged import TaggedImages
from decouplednet.errors import DataError
from decouplednet.networks.precision import mixed_precision

IMAGES_AT_ONCE = 16
# The largest float16; activations of VGG-16 on raw 0 to 255 input reach some hundreds.
LARGEST = float(np.finfo(np.float16).max)


def cache_folder() -> Path:
    """Return where features are kept: $DECOUPLEDNET_CACHE, or the user's cache folder."""
    named = os.environ.get("DECOUPLEDNET_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "decouplednet"


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """Arrays by key, in files of their own, the least recently written removed first.

    Args:
        folder: where; made when the first array is put.
        limit_bytes: most that ``trim`` leaves; 0 keeps nothing and reads nothing.
    """

    folder: Path
    limit_bytes: int

    def get(self, key: str) -> NDArray[np.float16] | None:
        """Return the array of a key; None when it is not there or damaged."""
        if not self.limit_bytes:
            return None
        try:
            array = np.load(self._path(key), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return array if array.dtype == np.float16 else None

    def put(self, key: str, array: NDArray[np.float16]) -> None:
        """Keep an array; a full disk or a folder that cannot be written only costs the keeping."""
        if not self.limit_bytes:
            return
        content = io.BytesIO()
        np.save(content, array, allow_pickle=False)
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content.getvalue())
        except (OSError, DataError):
            return

    def trim(self) -> None:
        """Remove the oldest arrays until the rest fits the limit."""
        found = [(path.stat(), path) for path in self.folder.glob("*/*.npy")]
        size = sum(facts.st_size for facts, _ in found)
        for facts, path in sorted(found, key=lambda entry: entry[0].st_mtime):
            if size <= self.limit_bytes:
                return
            path.unlink(missing_ok=True)
            size -= facts.st_size

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npy"


class KeptFeatures(Dataset[tuple[Tensor, Tensor]]):
    """Training examples of stage 1 whose images have been through the frozen convolutions.

    Args:
        features: (N, V, C, h, w) float16, V views of each image.
        tags: (N, L) float: 1 present, 0 absent, NaN missing.
        seed: fixes the order of the images.
    """

    def __init__(self, features: Tensor, tags: Tensor, seed: int) -> None:
        self.features = features
        self.tags = tags
        self._draws = Draws(len(features), seed)

    def __getitem__(self, draw: int) -> tuple[Tensor, Tensor]:
        """Return (C, h, w) features and (L,) tags of a draw; each pass takes the next view."""
        number, index = self._draws.locate(draw)
        view = (number + index) % self.features.shape[1]
        return self.features[index, view].float(), self.tags[index]


def keep_features(
    below: Callable[[Tensor], Tensor],
    examples: TaggedImages,
    *,
    views: int,
    seed: int,
    encoder: str,
    preparation: str,
    cache: FeatureCache,
    device: torch.device,
    precision: torch.dtype | None,
    progress: Callable[[Sequence[list[int]]], Iterable[list[int]]] = iter,
) -> KeptFeatures:
    """Return the features of every view of every image, from the cache where they are there.

    Args:
        below: (B, 3, H, W) images to (B, C, h, w), the frozen convolutions.
        examples: the images and their tags.
        views: V, views of each image; the first is the image itself.
        seed: of the views and of the order in which the images will be drawn.
        encoder: digest of the frozen weights.
        preparation: what else decides how a view looks: frame and augmentation, in words.
        cache: where features are looked up and kept.
        device: where they compute.
        precision: type of the automatic mixed precision; None for float32.
        progress: wraps the batches that have to be computed.
    """
    common = [encoder, preparation]
    keys = [
        _digest([*common, _content(record.image), *_view_name(record, seed, view)])
        for record in examples.records
        for view in range(views)
    ]
    arrays = [cache.get(key) for key in keys]
    missing = [place for place, array in enumerate(arrays) if array is None]
    batches = [missing[i : i + IMAGES_AT_ONCE] for i in range(0, len(missing), IMAGES_AT_ONCE)]
    for batch in progress(batches):
        images = torch.stack([examples.view(*divmod(place, views)).image for place in batch])
        computed = _compute(below, images, device, precision)
        for place, array in zip(batch, computed, strict=True):
            arrays[place] = array
            cache.put(keys[place], array)
    if missing and cache.limit_bytes:
        cache.trim()
    return KeptFeatures(_stack(arrays, views), examples.tags, seed)


def _compute(
    below: Callable[[Tensor], Tensor],
    images: Tensor,
    device: torch.device,
    precision: torch.dtype | None,
) -> NDArray[np.float16]:
    with (
        torch.inference_mode(),
        mixed_precision(device, precision),
    ):
        features = below(images.to(device))
    return features.float().clamp(-LARGEST, LARGEST).half().cpu().contiguous().numpy()


def _stack(arrays: Sequence[NDArray[np.float16] | None], views: int) -> Tensor:
    together = np.stack([array for array in arrays if array is not None])
    return torch.from_numpy(together.reshape(-1, views, *together.shape[1:]))


def _view_name(record: Record, seed: int, view: int) -> list[str]:
    """Return what decides a view beside the image; nothing does for the plain first one."""
    return [record.name, str(seed), str(view)] if view else []


def _content(image: Path) -> str:
    return hashlib.sha256(image.read_bytes()).hexdigest()


def digest_of(module: nn.Module, precision: torch.dtype | None) -> str:
    """Return a digest of a module's weights and how they are computed with."""
    digest = hashlib.sha256(str(precision).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
