"""What the frozen convolutions computed, kept on disk so that the next run need not compute it.

The cache is bounded, keyed by content and safe to delete at any time: a missing or damaged entry
is computed again.
"""

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from decouplednet.annotations.catalogue import Record
from decouplednet.annotations.files import write_atomically
from decouplednet.dataset.draws import Draws
from decouplednet.dataset.tagged import TaggedImages
from decouplednet.errors import DataError
from decouplednet.networks.part import Part
from decouplednet.networks.precision import mixed_precision
from decouplednet.training.worker_faults import told_plainly

VERSION = 1  # counts up when equal settings begin to give other views or features
IMAGES_BETWEEN_TRIMS = 256
# The largest float16; activations of VGG-16 on raw 0 to 255 input reach some hundreds.
LARGEST = float(np.finfo(np.float16).max)


def cache_folder() -> Path:
    """Return where features are kept: $DECOUPLEDNET_CACHE, or the user's cache folder.

    A user without a home, as in some containers, has the system's folder for temporary files.
    """
    named = os.environ.get("DECOUPLEDNET_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "decouplednet"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "decouplednet"


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

    def has(self, key: str) -> bool:
        """Return whether there is an array of a key, damaged or not."""
        return bool(self.limit_bytes) and self._path(key).exists()

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
        """Remove the oldest arrays until the rest fits the limit; other runs may do so too."""
        if not self.limit_bytes:
            return
        found = []
        for path in self.folder.glob("*/*.npy"):
            with suppress(FileNotFoundError):  # another run has just removed it
                found.append((path.stat(), path))
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


@dataclass(frozen=True, slots=True)
class _ViewsOf(Dataset[Tensor]):
    """(V, 3, H, W) views of some of the images."""

    examples: TaggedImages
    indices: Sequence[int]
    views: int

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> Tensor:
        index = self.indices[place]
        return torch.stack([self.examples.view(index, view).image for view in range(self.views)])


@dataclass(frozen=True, slots=True)
class Frozen:
    """The frozen convolutions and how they compute.

    Args:
        below: (B, 3, H, W) images to (B, C, h, w).
        digest: of their weights, as from ``digest_of``.
        device: where they compute.
        precision: type of the automatic mixed precision; None for float32.
    """

    below: Callable[[Tensor], Tensor]
    digest: str
    device: torch.device
    precision: torch.dtype | None

    def features(self, images: Tensor) -> NDArray[np.float16]:
        """Return the (B, C, h, w) features of (B, 3, H, W) images."""
        with torch.inference_mode(), mixed_precision(self.device, self.precision):
            features = self.below(images.to(self.device))
        return features.float().clamp(-LARGEST, LARGEST).half().cpu().contiguous().numpy()


def keep_features(
    frozen: Frozen,
    examples: TaggedImages,
    *,
    views: int,
    seed: int,
    preparation: str,
    cache: FeatureCache,
    workers: int = 0,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> KeptFeatures:
    """Return the features of every view of every image, from the cache where they are there.

    The views of one image are always computed together and with nothing else: the last digits of
    a convolution depend on what shares its batch, and may not depend on what the cache held.

    Args:
        frozen: the frozen convolutions.
        examples: the images and their tags.
        views: V, views of each image; the first is the image itself.
        seed: of the views and of the order in which the images will be drawn.
        preparation: what else decides how a view looks: frame and augmentation, in words.
        cache: where features are looked up and kept.
        workers: processes that read images beside the computation.
        progress: wraps the images that have to be computed.
    """
    keys = keys_of(examples.records, frozen, views=views, seed=seed, preparation=preparation)
    arrays = [cache.get(key) for key in keys]
    missing = [index for index, array in enumerate(arrays) if array is None]
    read = DataLoader(_ViewsOf(examples, missing, views), batch_size=None, num_workers=workers)
    with told_plainly():
        for count, (index, images) in enumerate(zip(progress(missing), read, strict=True), 1):
            arrays[index] = computed = frozen.features(images)
            cache.put(keys[index], computed)
            if count % IMAGES_BETWEEN_TRIMS == 0 or count == len(missing):
                cache.trim()
    together = np.stack([array for array in arrays if array is not None])
    return KeptFeatures(torch.from_numpy(together), examples.tags, seed)


def keys_of(
    records: Sequence[Record], frozen: Frozen, *, views: int, seed: int, preparation: str
) -> list[str]:
    """Return under which keys the features of images are kept: all that they depend on.

    Args:
        records: of the images.
        frozen: the frozen convolutions.
        views: V, views of each image.
        seed: of the views.
        preparation: what else decides how a view looks.
    """
    common = [str(VERSION), torch.__version__, frozen.device.type, frozen.digest, preparation]
    return [
        _digest([*common, str(views), _content(record.image), *_choices(record, seed, views)])
        for record in records
    ]


def _choices(record: Record, seed: int, views: int) -> list[str]:
    """Return what decides the views beside the image; nothing does for the plain first one."""
    return [record.name, str(seed)] if views > 1 else []


def _content(image: Path) -> str:
    return hashlib.sha256(image.read_bytes()).hexdigest()


def digest_of(module: Part, precision: torch.dtype | None) -> str:
    """Return a digest of a module's weights and how they are computed with."""
    digest = hashlib.sha256(str(precision).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
