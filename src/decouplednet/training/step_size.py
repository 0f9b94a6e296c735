"""How many images a device computes at once, and how that shrinks when memory runs out."""

import logging

from decouplednet.errors import TrainingError
from decouplednet.stage_settings import StageSettings

logger = logging.getLogger(__name__)


def step_size(settings: StageSettings, devices: int) -> int:
    """Return how many images one device computes at once.

    Raises:
        TrainingError: the images of an update cannot be shared evenly by the devices.
    """
    images = settings.images_per_step or settings.images_per_update // devices
    if images < 1 or settings.images_per_update % (images * devices):
        raise TrainingError(
            f"images_per_update = {settings.images_per_update} is no multiple of "
            f"images_per_step = {max(images, 1)} times {devices} devices; change one of them"
        )
    return images


def smaller_step(
    images: int, settings: StageSettings, devices: int, name: str, fewest: int = 1
) -> int:
    """Return the next smaller number of images per step that divides an update evenly, and say so.

    Args:
        images: of a step until now.
        settings: of the stage.
        devices: that share an update.
        name: of the stage, for messages.
        fewest: images that a step may have.

    Raises:
        TrainingError: a step has as few images as it may already.
    """
    for fewer in range(images // 2, fewest - 1, -1):
        if settings.images_per_update % (fewer * devices) == 0:
            logger.warning(
                "%s: memory ran out; going on from the last checkpoint with %d images in a step, "
                "which is what batch normalisation sees from now on",
                name,
                fewer,
            )
            return fewer
    found = "a single image" if images == 1 else f"{images} images, the fewest it takes,"
    raise TrainingError(
        f"{name}: memory ran out with {found} in a step; choose a smaller side or preset, or a "
        "machine with more memory. What was trained is kept: resume it there (--resume, "
        "resume=True)"
    )
