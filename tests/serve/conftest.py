"""A small model that finds every class in noise, and a project labelled with its classes."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from decouplednet.inference.segmenter import Segmenter
from decouplednet.serve.backend import Backend
from decouplednet.serve.images import ImageSources
from tests.inference.small import small_segmenter

CONFIG = """
<View>
  <Image name="image" value="$image"/>
  <Choices name="tags" toName="image" choice="multiple">
    <Choice value="cat"/><Choice value="cow"/><Choice value="dog"/>
  </Choices>
  <BrushLabels name="masks" toName="image">
    <Label value="cat"/><Label value="cow"/><Label value="dog"/>
  </BrushLabels>
</View>
"""
POLYGONS = CONFIG.replace("BrushLabels", "PolygonLabels")
SIZE = (37, 53)  # H, W


def noise(seed: int = 0, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of local files."""
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    Image.fromarray(noise(0)).save(folder / "a.png")
    Image.fromarray(noise(1)).save(folder / "sub" / "b c.png")
    return folder


@pytest.fixture
def segmenter() -> Segmenter:
    """Untrained; its gate says cow and dog of noise, and not cat."""
    return small_segmenter()


@pytest.fixture
def backend(segmenter: Segmenter, root: Path) -> Backend:
    return Backend(
        predictor=segmenter.predictor(), sources=ImageSources(root, None), version="small-1"
    )
