"""Which images the page shows: chosen by rule and seed, never by hand."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np


def shuffled(names: Iterable[str], seed: int) -> list[str]:
    """Return names in an order that depends on the seed and on nothing else.

    Neighbours in a data set are often frames of one film, so the first ones are no fair sample.
    """
    ordered = sorted(names)
    return [ordered[place] for place in np.random.default_rng(seed).permutation(len(ordered))]


def images_by_class(
    tagged: Iterable[tuple[str, frozenset[str]]], classes: Sequence[str], most: int
) -> dict[str, tuple[str, ...]]:
    """Return the first images of each class; reads on only until every class has enough.

    Args:
        tagged: name and tags of images, those to prefer first.
        classes: the classes to find images of, in the order of the result.
        most: largest number of images of a class.

    Returns:
        The names of each class; fewer than ``most``, or none, where there are no more.
    """
    found: dict[str, list[str]] = {name: [] for name in classes}
    for image, tags in tagged:
        for name in tags & found.keys():
            if len(found[name]) < most:
                found[name].append(image)
        if all(len(images) == most for images in found.values()):
            break
    return {name: tuple(images) for name, images in found.items()}


def with_most_classes(
    tagged: Iterable[tuple[str, frozenset[str]]], most: int
) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return images with several classes first, the given order kept otherwise.

    Args:
        tagged: name and tags of images; those without a tag are left out.
        most: largest number of images.
    """
    known = [(image, tags) for image, tags in tagged if tags]
    return tuple(sorted(known, key=lambda pair: -len(pair[1]))[:most])


def extremes(score: Mapping[str, float], most: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the best and the worst images by their score, both from their end inwards.

    Args:
        score: of each image.
        most: largest number on each side; no image is on both.
    """
    ranked = sorted(score, key=lambda name: (-score[name], name))
    best = ranked[: min(most, -(-len(ranked) // 2))]
    worst = ranked[::-1][: min(most, len(ranked) // 2)]
    return tuple(best), tuple(worst)
