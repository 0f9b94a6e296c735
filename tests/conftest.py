"""A data set that several folders of tests train from."""

from pathlib import Path

import pytest

from tests.shapes import write_shapes


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve tagged pictures; six masks to train from, two to score."""
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes")
