"""What the page shows with the model and the images at hand."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.record import Record
from decouplednet.errors import DataError
from decouplednet.inference.model_folder import load_model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.report.activation_figure import COLUMNS, ActivationFigure, activation_figure
from decouplednet.report.activations import Asked, activations
from decouplednet.report.examples import class_maps, examples
from decouplednet.report.finished_run import FinishedRun
from decouplednet.report.pictures import map_picture
from decouplednet.report.samples import extremes, images_by_class, shuffled, with_most_classes

BEST_AND_WORST = 4
"""How many images of each kind."""
IMAGES_OF_CLASS = 2 * COLUMNS
"""Most images of a class whose activation maps are computed: half to show, half to choose by."""
MAPPED = 6
"""How many images are shown with the map of each of their classes."""
# The first images with masks that are looked through for those with several classes.
_LOOKED_THROUGH = 100

Progress = Callable[[Sequence[Any]], Iterable[Any]]


def picture_values(
    run: FinishedRun, *, data: Path | None, device: str, progress: Progress
) -> dict[str, Any]:
    """Return what the template needs for the pictures.

    Args:
        run: the run.
        data: where the data set lies now; None: where the run found it.
        device: where to compute.
        progress: shows how far each list of images is done.

    Raises:
        DataError: the data set is gone, or an image of the run is no longer in it or unreadable.
        ModelError: the model is damaged.
        DeviceError: the device is absent.
    """
    catalogue = _catalogue(run, data)
    segmenter = load_model(run.path, device)
    names = _candidates(run)
    best, worst = _best_and_worst(run)
    shown = examples(segmenter, catalogue, best | worst, progress=progress)
    first = _tagged(run, catalogue, names[:_LOOKED_THROUGH])
    mapped = [(catalogue.record(name), tags) for name, tags in with_most_classes(first, MAPPED)]
    return {
        "best": shown[: len(best)],
        "worst": shown[len(best) :],
        "columns": COLUMNS,
        "activation": _figure(segmenter, catalogue, _tagged(run, catalogue, names), progress),
        "class_maps": class_maps(segmenter, mapped, progress=progress),
        "classes": segmenter.classes.names,
        "scale": map_picture(np.linspace(0, 1, 64)[None], highest=1.0, long_side=64),
    }


def _catalogue(run: FinishedRun, data: Path | None) -> Catalogue:
    if data is None and not run.facts.data.is_dir():
        again = f"decouplednet report {run.path}"
        raise DataError(
            f"{run.facts.data}: the data set of {run.path} is not there, so its images cannot be "
            f"shown; say where it is now: {again} --data DATA, or do without: {again} --no-pictures"
        )
    return Catalogue.read(data or run.facts.data)


def _best_and_worst(run: FinishedRun) -> tuple[dict[str, float], dict[str, float]]:
    """Return the mean IoU of the best and the worst images with a class in them, by name."""
    scores = run.result.outcome.predicted_tags
    # A picture of background alone teaches little, whether right or wrong.
    of_images = {
        each.name: each.miou
        for each in (scores.per_image if scores else ())
        if each.miou is not None and each.present
    }
    best, worst = extremes(of_images, BEST_AND_WORST)
    return {name: of_images[name] for name in best}, {name: of_images[name] for name in worst}


def _candidates(run: FinishedRun) -> tuple[str, ...]:
    """Return the names of all images of the run, those that it learnt least from first.

    Of the images kept for scoring only those that could be scored: the others cannot be read.
    """
    roles, scores = run.facts.roles, run.result.outcome.predicted_tags
    scored = {each.name for each in scores.per_image} if scores else set[str]()
    only_tagged = set(roles.tags) - {*roles.masks, *roles.validation}
    masked = set(roles.masks) - set(roles.validation)
    groups = (scored & set(roles.validation), only_tagged, masked)
    return tuple(name for group in groups for name in shuffled(group, run.facts.seed))


def _tagged(
    run: FinishedRun, catalogue: Catalogue, names: Iterable[str]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield names with those of their classes that the model has.

    Masks that the run was neither given nor scored on are not read, as in training.
    """
    known = frozenset(run.facts.classes)
    masked = {*run.facts.roles.masks, *run.facts.roles.validation}
    for name in names:
        record = catalogue.record(name)
        tags = catalogue.training_tags(record, mask_given=name in masked)
        yield record.name, (tags or frozenset()) & known


def _figure(
    segmenter: Segmenter,
    catalogue: Catalogue,
    tagged: Iterable[tuple[str, frozenset[str]]],
    progress: Progress,
) -> ActivationFigure:
    found = images_by_class(tagged, segmenter.classes.names, IMAGES_OF_CLASS)
    records, asked = _questions(segmenter, catalogue, found)
    if not asked:
        raise DataError(
            f"{catalogue.root}: no image of the run shows a class of its model any more; was the "
            "data set changed after the training?"
        )
    return activation_figure(
        activations(segmenter, asked, progress=progress),
        records,
        {name: images[:COLUMNS] for name, images in found.items()},
        classes=segmenter.classes,
        frame=segmenter.frame,
    )


def _questions(
    segmenter: Segmenter, catalogue: Catalogue, found: Mapping[str, Sequence[str]]
) -> tuple[list[Record], list[Asked]]:
    """Return each image once, with all the classes that it was found for."""
    labels: dict[str, list[int]] = {}
    for name, images in found.items():
        for image in images:
            labels.setdefault(image, []).append(segmenter.classes.index(name) - 1)
    records = [catalogue.record(image) for image in labels]
    asked = [
        Asked(record.image, tuple(each))
        for record, each in zip(records, labels.values(), strict=True)
    ]
    return records, asked
