"""Images without masks, each seen weakly and twice strongly varied."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from decouplednet.annotations.record import Record
from decouplednet.comparison.baselines.perturbation import (
    StrongSettings,
    choose_any_window,
    choose_patch,
    vary_strongly,
)
from decouplednet.dataset.augmentation import choose_view, choose_warped_view
from decouplednet.dataset.draws import Draws
from decouplednet.dataset.frame import Frame
from decouplednet.dataset.masked import ClassExample, ClassImages
from decouplednet.dataset.store import ImageStore
from decouplednet.dataset.view import View, cut_image
from decouplednet.stage_settings import SegmenterSettings

STRONG_VIEWS = 2


class Views(NamedTuple):
    """One image of which no mask is known, three times in the same geometry.

    Attributes:
        weak: (3, side, side) float32, normalised: a window, its size and whether it is mirrored
            are chosen, the colours are the image's.
        strong: (2, 3, side, side) float32, normalised: the same with other colours.
        patch: (2, side, side) bool, where each strong view gets a patch of another image.
        seen: (side, side) bool, False in the padding.
    """

    weak: Tensor
    strong: Tensor
    patch: Tensor
    seen: Tensor


class PairedExample(NamedTuple):
    """An image with a mask, and views of another without.

    Attributes:
        labelled: the image with the class of each pixel.
        views: of the other image.
    """

    labelled: ClassExample
    views: Views


class PairedImages(Dataset[PairedExample]):
    """An endless stream of pairs of a masked image and an image whose mask and tags are not read.

    Item ``draw`` depends on ``seed`` and ``draw`` only.

    Args:
        labelled: the stream of masked images.
        records: the other images; nothing but their pixels is read.
        frame: what the network sees.
        settings: scale, flip and warp of the views; colours only change in the strong ones.
        strong: how the strong views are varied.
        smallest_window: least share of an image's height and width that views show.
        seed: fixes every choice.
        store: where decoded images are kept.
    """

    def __init__(
        self,
        labelled: ClassImages,
        records: Sequence[Record],
        *,
        frame: Frame,
        settings: SegmenterSettings,
        strong: StrongSettings,
        smallest_window: float,
        seed: int,
        store: ImageStore,
    ) -> None:
        self._labelled = labelled
        self._records = tuple(records)
        self._frame = frame
        self._settings = settings
        self._strong = strong
        self._smallest_window = smallest_window
        self._store = store
        # A stream of its own: the masked images draw from the seed itself.
        self._draws = Draws(len(records), int(np.random.default_rng([seed, 1]).integers(2**62)))

    def __getitem__(self, draw: int) -> PairedExample:
        """Return the pair of a draw, counted from 0 without end.

        Raises:
            DataError: an image or a mask cannot be read.
        """
        _, index = self._draws.locate(draw)
        image = self._store.image(self._records[index].image)
        return PairedExample(self._labelled[draw], self._views(image, self._draws.generator(draw)))

    def _views(self, image: NDArray[np.uint8], rng: np.random.Generator) -> Views:
        size = image.shape[0], image.shape[1]
        window = choose_any_window(size, self._smallest_window, rng)
        side, augmentation = self._frame.side, self._settings.augmentation
        choose = choose_warped_view if self._settings.warp_windows else choose_view
        view = choose(window, side=side, settings=augmentation, rng=rng)
        content = cut_image(image, view)
        strong, patches = [], []
        for _ in range(STRONG_VIEWS):
            strong.append(self._frame.fill(vary_strongly(content, self._strong, rng)))
            patches.append(torch.from_numpy(choose_patch(side, self._strong, rng)))
        return Views(
            self._frame.fill(content), torch.stack(strong), torch.stack(patches), self._seen(view)
        )

    def _seen(self, view: View) -> Tensor:
        seen = torch.zeros(self._frame.side, self._frame.side, dtype=torch.bool)
        seen[: view.placed[0], : view.placed[1]] = True
        return seen
