"""A data set that several folders of tests train from, and a cache of the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from decouplednet.annotations.cache import VARIABLE
from tests.shapes import write_shapes


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what is cached of data sets out of the user's folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve tagged pictures; six masks to train from, two to score."""
    return write_shapes(tmp_path_factory.mktemp("data") / "shapes")
