"""How much memory the path of a large image takes, measured in processes of their own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIZE = (3001, 4001)
PIXELS = SIZE[0] * SIZE[1]
PEAK = """
import sys
from pathlib import Path
import numpy as np
from decouplednet.annotations.images import read_image
from decouplednet.inference.prediction import Prediction

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

def peak_of(work):
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    kept = work()
    print(status("VmHWM") - before)
    return kept
"""
READ = """
image = peak_of(lambda: read_image(Path(sys.argv[1])))
labels = np.add.outer(np.arange(image.shape[0]), np.arange(image.shape[1])).astype(np.uint8) % 4
seen = Prediction(labels, {}, {}, ())
peak_of(lambda: seen.overlay(image))
"""
LABEL = """
from dataclasses import replace
import torch
from decouplednet.inference.label_maps import write_label_maps
from decouplednet.inference.room import TiledImage, room_for
from decouplednet.inference.segmenter import Segmenter
from decouplednet.inference.sources import find_sources
from decouplednet.inference.tiles import TiledPredictor
from decouplednet.classes import ClassList
from tests.inference.small import answer, small_frame, small_network

names = ("cat", "cow", "dog")
network = small_network(3, seed=1)
answer(network, (0.9, 0.9, 0.9))
segmenter = Segmenter(network, ClassList(names), small_frame(), "tiny", {"others": "ignore"})
images, out = Path(sys.argv[1]).parent, Path(sys.argv[2])
torch.set_num_threads(1)
predictor = TiledPredictor(predictor=segmenter.predictor(), tile=700)
predictor.predict([np.zeros((90, 500, 3), np.uint8)])  # what the first prediction leaves
room = room_for(predictor, overlay=True)
room = replace(room, available=room.needed(TiledImage(SIZE)))
sources = find_sources(images, out).images

def label():
    return write_label_maps(predictor, sources, out, overlay=True, room=room)

written = peak_of(label)
assert (written.label_maps, written.failures) == (len(sources), ()), written
print(room.available)
"""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the system does not say what was taken"
)


def save(file: Path) -> Path:
    few = np.random.default_rng(0).integers(0, 256, (31, 41, 3), dtype=np.uint8)
    Image.fromarray(few).resize(SIZE[::-1], Image.Resampling.BILINEAR).save(file)
    return file


def numbers_of(script: str, *arguments: Path) -> list[float]:
    """Return the numbers that a script prints, in bytes a pixel of the large image."""
    done = subprocess.run(
        [sys.executable, "-c", f"SIZE = {SIZE}\n{PEAK}{script}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [int(line) / PIXELS for line in done.stdout.split()]


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_an_image_is_read_in_seven_bytes_a_pixel_and_overlaid_in_three(
    tmp_path: Path, name: str
) -> None:
    read, overlaid = numbers_of(READ, save(tmp_path / name))

    assert 6 < read < 9
    assert 3 <= overlaid < 4.5


def test_scarce_images_are_labelled_one_by_one_in_the_room_that_was_said(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(3):
        file = save(tmp_path / f"images/{number}.png")

    taken, said = numbers_of(LABEL, file, tmp_path / "out")

    # The image, its label map and its overlay are 7, and Pillow's buffers 9; the maps of a row of
    # tiles and of those on their way there 8. A second image would add 4 at least, a third 7.
    assert 10 < taken < 26
    assert taken < said * 1.1
