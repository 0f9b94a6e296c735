"""Measuring how large the activations of a model become, which 8 bits need to know."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from decouplednet.annotations.image_files import find_images
from decouplednet.annotations.images import read_image
from decouplednet.errors import DataError, SettingsError
from decouplednet.inference.model_folder import load_model, write_ranges
from decouplednet.inference.reading import Image
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.ranges import watched

Progress = Callable[[Sequence[Path]], Iterable[Path]]


def prepare_int8(
    model: Path | str,
    images: Path | str,
    *,
    count: int = 32,
    device: str = "auto",
    progress: Progress = iter,
) -> dict[str, float]:
    """Measure the ranges of a model's activations on photographs, and write them into its folder.

    Args:
        model: a run folder or its ``model/``.
        images: an image, or a folder that is searched wholly; such as the model was trained on.
        count: how many of them are seen, evenly spread over the sorted files; at least 1.
        device: ``auto``, ``cpu`` or ``cuda``, where they are seen, in float32.
        progress: shows how far they are done.

    Returns:
        The ranges, by the names of their places in the network.

    Raises:
        DataError: there is no image, or one cannot be read; the model is unchanged.
        DeviceError: the device is not on this machine.
        SettingsError: the count is below 1.
        ModelError: there is no model.
    """
    if count < 1:
        raise SettingsError(f"count = {count}: at least 1")
    segmenter = load_model(model, device)
    found = find_images(Path(images)).images
    if not found:
        raise DataError(f"{images}: holds no image to measure activations on")
    step = max(1, len(found) / count)
    chosen = [found[int(number * step)] for number in range(min(count, len(found)))]
    ranges = measure_ranges(segmenter, (read_image(path) for path in progress(chosen)))
    write_ranges(model, ranges)
    return ranges


def measure_ranges(segmenter: Segmenter, images: Iterable[Image]) -> dict[str, float]:
    """Return the range of activations at each place of the network where it matters.

    Args:
        segmenter: predicts the images in float32, layer by layer: the classes that it finds, or the
            most probable one.
        images: (H, W, 3) uint8 RGB.

    Returns:
        By the names of the places, see ``Watched.ranges``.
    """
    predictor = segmenter.predictor(precision=None)
    with watched(segmenter.network) as seen:
        for image in images:
            (prediction,) = predictor.predict([image], class_maps=False)
            if not prediction.identified:
                likely = max(prediction.scores, key=lambda name: prediction.scores[name])
                predictor.predict([image], [{likely}], class_maps=False)
    return seen.ranges()
