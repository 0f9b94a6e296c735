"""A data set and settings that train in a second."""

from pathlib import Path

import pytest

from decouplednet.settings import Settings
from tests.shapes import write_shapes

QUICK = (
    "preset=tiny",
    "data.tags_split=tags",
    "data.masks_split=strong",
    "data.validation_split=val",
    "classifier.updates=5",
    "classifier.updates_per_epoch=2",
    "classifier.images_per_update=4",
    "segmenter.updates=3",
    "segmenter.updates_per_epoch=2",
    "segmenter.images_per_update=4",
    "compute.device=cpu",
    "compute.precision=32",
)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve tagged pictures; six masks to train from, two to score."""
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes")


def quick(*changes: str) -> Settings:
    """Return the quick settings with changes, as given to ``--set``."""
    return Settings.read(None, [*QUICK, *changes])
