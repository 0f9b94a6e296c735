from pathlib import Path

import pytest

from decouplednet.annotations.catalogue import Record
from tests.dataset.masks import drawn_mask
from tests.dataset.pictures import noise, record


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    sizes = [(9, 12), (12, 10), (11, 11)]
    return [
        record(tmp_path, f"i{i}", noise(i, *size), mask=drawn_mask(*size))
        for i, size in enumerate(sizes)
    ]
