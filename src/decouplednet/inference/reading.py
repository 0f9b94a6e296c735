"""What every way of predicting has in common: images and tags in, maps read to a prediction."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from decouplednet.classes import ClassList
from decouplednet.errors import DataError, ModelError
from decouplednet.inference.fuse import fuse_class_maps
from decouplednet.inference.prediction import Prediction

Image = NDArray[np.uint8]
Tags = Collection[str] | None


class PredictsImages(Protocol):
    """Whatever can be scored: it says which class each pixel of an image is.

    Attributes:
        classes: L of them, in the order of its scores.
        others: what pixels of classes that are not its own were in training.
    """

    @property
    def classes(self) -> ClassList:
        """The L classes, in the order of its scores."""

    @property
    def others(self) -> Literal["ignore", "background"]:
        """What pixels of classes that are not its own were in training."""

    def predict(
        self,
        images: Sequence[Image],
        tags: Sequence[Tags] | None = None,
        *,
        class_maps: bool = True,
    ) -> list[Prediction]:
        """Return what is in each image and where, at its own size.

        Args:
            images: B arrays (H, W, 3) uint8 RGB, of any sizes.
            tags: for each image the classes known to be in it, or None where they are not known;
                None: they are known of no image.
            class_maps: also return the map of each identified class.
        """


def distinct(images: Sequence[Image]) -> tuple[list[Image], list[int]]:
    """Return the images of which none is another one's array, and the place of each among them.

    An image that is asked about twice, such as with and without its tags, is encoded once.

    >>> first, second = np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)
    >>> [len(images) for images in distinct([first, second, first])], distinct([first, first])[1]
    ([2, 3], [0, 0])
    """
    kept = list(images)  # a sequence may read its arrays anew, and identities hold while they live
    first = {id(image): image for image in reversed(kept)}
    places = {key: place for place, key in enumerate(dict.fromkeys(map(id, kept)))}
    return [first[key] for key in places], [places[id(image)] for image in kept]


def given_classes(
    images: Sequence[Image], tags: Sequence[Tags] | None, classes: ClassList
) -> list[list[int] | None]:
    """Return the given tags of each image as places in the class list, from 0.

    Args:
        images: B of them.
        tags: for each image names of classes, or None; None: for none of them.
        classes: those of the model.

    Raises:
        DataError: tags are no collection of names, or one is no class of the model.
        ValueError: there are not as many as images.
    """
    tags = [None] * len(images) if tags is None else tags
    if len(tags) != len(images):
        raise ValueError(f"{len(images)} images, but tags for {len(tags)}")
    return [None if names is None else _places(names, classes) for names in tags]


def _places(names: Collection[str], classes: ClassList) -> list[int]:
    if isinstance(names, str):
        raise DataError(f"tags are a collection of names such as {{{names!r}}}, not one text")
    if not _holds_names(names):
        raise DataError(f"tags = {names!r}: expected a collection of names such as {{'cat'}}")
    return [classes.index(name) - 1 for name in names]


def _holds_names(names: object) -> bool:
    if not isinstance(names, Collection) or isinstance(names, Mapping):
        return False
    return all(isinstance(name, str) for name in names)


def asked_classes(gate: Tensor, given: Sequence[Sequence[int] | None]) -> Tensor:
    """Return (B, L) bool: the given tags where there are some, else what the gate says.

    Args:
        gate: (B, L) bool, the classes that the network finds itself.
        given: for each image places of classes from 0, or None, as from ``given_classes``.
    """
    asked = gate.clone()
    for row, places in enumerate(given):
        if places is not None:
            asked[row] = False
            asked[row, list(places)] = True
    return asked


def read_maps(
    strips: Iterable[Tensor],
    asked: Tensor,
    probability: Tensor,
    classes: ClassList,
    *,
    keep: bool,
) -> Prediction:
    """Return the prediction that the maps of one image say.

    Args:
        strips: of the maps, from the top, at least one: (K + 1, rows, W) in [0, 1] at the image's
            own size, background first, then the K classes that are asked for, in their order.
        asked: (L,) bool, K of them True.
        probability: (L,) of every class.
        classes: the L classes.
        keep: also keep the maps.
    """
    winners, kept_strips = list[NDArray[np.uint8]](), list[NDArray[np.float32]]()
    for maps in strips:
        winners.append(fuse_class_maps(maps[0], maps[1:]).cpu().numpy())
        if keep:  # interpolation rounds; weights that sum to one may end an ulp above it
            kept_strips.append(maps[1:].clamp(0, 1).cpu().numpy())
    places = asked.nonzero()[:, 0].cpu()
    index_of = torch.cat([places.new_zeros(1), places + 1]).to(torch.uint8).numpy()
    kept = np.concatenate(kept_strips, axis=1) if keep else ()
    identified = tuple(classes.names[place] for place in places.tolist())
    return Prediction(
        label_map=index_of[np.concatenate(winners)],
        class_maps=dict(zip(identified, kept, strict=keep)),
        scores=dict(zip(classes, probability.tolist(), strict=True)),
        identified=identified,
    )


def size_of(image: Image) -> tuple[int, int]:
    """Return the (H, W) of an image."""
    return image.shape[0], image.shape[1]


def check_finite(values: Tensor, what: str) -> None:
    """Refuse what no prediction can be read from.

    Args:
        values: of any shape.
        what: they are, in the plural, for the message.

    Raises:
        ModelError: one is NaN or infinite.
    """
    if not bool(torch.isfinite(values).all()):
        raise ModelError(
            f"the network's {what} are not finite; compute with precision 32, and if that does "
            "not help, train the model again"
        )


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Hold every part of a network in evaluation mode, and give back the mode that each had."""
    training = [part for part in network.modules() if part.training]
    network.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
