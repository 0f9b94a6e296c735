"""README's blocks, run in their order in an empty folder.

What README leaves to the reader is made here: the photographs, the masks, the other images. Three
blocks are not run as they stand:

* ``make demo`` runs to its end in ``demo/test_run.py``, with the environment of the tests in
  place of a fresh ``.venv``; ``make test`` is what CI runs, and what runs this test;
* ``pip install .`` runs without dependencies into a folder of its own, because torch is large;
* the training that starts from ImageNet's weights gets made-up weights and two updates, because
  tests have no network.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from decouplednet.annotations.masks import write_mask
from decouplednet.annotations.tags import read_tags
from tests.weights import write_weights

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "docs" / "reference" / "results.md"
IMAGENET = "decouplednet train animals --out runs/animals --set data.validation_split=val"
MASKED = ("garden", "kitchen", "porch", "sofa")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the file it belongs in if one is named, and its text."""

    language: str
    file: str
    text: str


def blocks() -> list[Block]:
    found = re.findall(
        r"^```(\w+) ?(\S*)\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE
    )
    return [Block(*parts) for parts in found]


def draw(path: Path, tags: frozenset[str], mask: Path | None) -> None:
    """Draw a cat as a red box and a dog as a blue disc."""
    height, width = 60, 84
    image = np.full((height, width, 3), 120, np.uint8)
    ids = np.zeros((height, width), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    if "cat" in tags:
        ids[15:45, 8:34] = 1
    if "dog" in tags:
        ids[(rows - 30) ** 2 + (columns - 60) ** 2 < 15**2] = 2
    image[ids == 1] = (220, 40, 40)
    image[ids == 2] = (40, 60, 220)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    if mask:
        write_mask(mask, ids)


def test_readme_opens_with_a_sentence_a_picture_and_the_two_commands() -> None:
    lines = README.read_text().splitlines()
    first = blocks()[0]

    assert re.fullmatch(r"Train a semantic segmenter .+\.", lines[2])
    assert re.match(r"!\[.+\]\(docs/pictures/\S+\)", lines[4])
    assert [line.split("#")[0].strip() for line in first.text.splitlines()] == [
        "make demo",
        "make test",
    ]


def demo_scores() -> list[list[float]]:
    """Return the columns of the demo's table of results: seeds, predicted tags, true tags, ..."""
    _, _, after = RESULTS.read_text().partition("\n## Demo\n")
    rows = re.findall(r"^\| (\d.*) \|$", after.partition("\n## ")[0], re.MULTILINE)
    return [
        list(map(float, column)) for column in zip(*(row.split(" | ") for row in rows), strict=True)
    ]


def test_readme_shows_the_results_of_the_demo_before_line_sixty() -> None:
    head = " ".join(README.read_text().splitlines()[:60])
    said = re.search(
        r"mean IoU (0\.\d\d) to (0\.\d\d) \((\w+) seeds\).* reaches (0\.\d\d) to (0\.\d\d)\.", head
    )
    seeds, with_tags, _, masks_only, *_ = demo_scores()

    assert said
    assert said[3] == {3: "three", 5: "five"}[len(seeds)]
    measured = [min(with_tags), max(with_tags), min(masks_only), max(masks_only)]
    # README has two digits of scores that the table rounds to three.
    assert [float(said[i]) for i in (1, 2, 4, 5)] == pytest.approx(measured, abs=0.0051)


def test_readme_says_where_the_command_is_after_either_way_of_installing() -> None:
    text = README.read_text()

    assert ".venv/bin/decouplednet" in text.partition("## Install it")[0]
    (install,) = (block for block in blocks() if "pip install" in block.text)
    assert commands(install)[:2] == [
        "python3 -m venv environment",
        ". environment/bin/activate",
    ]


def test_every_block_of_readme_has_a_language_that_is_run_or_written() -> None:
    fences = README.read_text().count("\n```")

    assert 2 * len(blocks()) == fences
    assert {block.language for block in blocks()} == {"bash", "text", "csv", "python"}
    assert all(block.file for block in blocks() if block.language in ("text", "csv"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_blocks_of_readme_run_in_their_order(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "weights.safetensors")
    images = {f"animals/images/{name}.jpg" for name in ("barn", "meadow", "river", "street")}
    for name in (*images, *(f"animals/images/{masked}.jpg" for masked in MASKED)):
        draw(tmp_path / name, frozenset(), None)
    ran = []
    for block in blocks():
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.language == "python":
            run([sys.executable, "-c", block.text], tmp_path)
        else:
            ran += [run_shell(line, tmp_path, weights) for line in commands(block)]
        if block.file == "animals/tags.csv":
            draw_tagged(tmp_path / "animals")
            draw(tmp_path / "other" / "gate.jpg", frozenset({"dog"}), None)
            draw(tmp_path / "other" / "hill.jpg", frozenset({"cat"}), None)

    assert sum(ran) == 10
    assert (tmp_path / "runs/animals/report.html").stat().st_size > 10_000
    assert {path.name for path in (tmp_path / "labelled").glob("*")} == {
        "gate.png",
        "hill.png",
        "overlays",
        "predictions.csv",
    }
    assert (tmp_path / "exported/encoder.onnx").stat().st_size > 10_000


def commands(block: Block) -> list[str]:
    """Return the commands of a block, one a line, without comments."""
    joined = block.text.replace("\\\n", " ")
    return [line.split("  #")[0].strip() for line in joined.splitlines() if line.strip()]


def draw_tagged(data: Path) -> None:
    """Draw what the table says is on each image, and the masks that README speaks of."""
    for name, tags in read_tags(data / "tags.csv").rows.items():
        mask = data / "masks" / f"{name}.png" if name in MASKED else None
        draw(data / "images" / f"{name}.jpg", tags, mask)


def run_shell(command: str, folder: Path, weights: Path) -> bool:
    """Run a command of README; return whether it ran as one of ours."""
    if command.startswith("make "):
        return False
    if command.startswith("python -m pip install"):
        # pip takes the value of its flag --no-build-isolation for that of build isolation.
        environment = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "false", "PIP_NO_INDEX": "1"}
        target = str(folder / "installed")
        run(["bash", "-ec", command], ROOT, {**environment, "PIP_TARGET": target})
        assert (folder / "installed" / "decouplednet" / "__init__.py").is_file()
        return False
    if command == IMAGENET:
        short = [f"{s}.updates=2" for s in ("classifier", "segmenter")]
        changes = [f"classifier.weights={weights}", "classifier.images_per_update=8", *short]
        command += "".join(f" --set {change}" for change in changes)
    run(["bash", "-ec", command], folder)
    return command.startswith("decouplednet ")


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    """Run a command in a folder, with this environment's programs first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    cache = str(folder / "cache")
    given = {**os.environ, "PATH": path, "DECOUPLEDNET_CACHE": cache, **(environment or {})}
    done = subprocess.run(
        command, cwd=folder, env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
