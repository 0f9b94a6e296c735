from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.masks import write_mask
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import torchvision_frame
from decouplednet.errors import DataError
from decouplednet.inference.model_folder import load_model, save_model
from decouplednet.inference.procedure import Procedure
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.presets import preset_named
from tests.docs.scripts import load_script

script = load_script("write_picture")
NAMES = ("cat", "cow", "dog")


def write_demo(root: Path, *, classes: tuple[int, ...]) -> Path:
    """Write two held-out images with these classes and a model that was not trained."""
    for folder in ("images", "masks", "splits"):
        (root / "data" / folder).mkdir(parents=True)
    (root / "data/classes.txt").write_text("\n".join(NAMES))
    for number in range(2):
        name, mask = f"test_{number}", np.zeros((40, 50), np.uint8)
        for index in classes:
            mask[:, 10 * index : 10 * index + 8] = index
        image = np.full((40, 50, 3), 60 * number, np.uint8)
        Image.fromarray(image).save(root / "data/images" / f"{name}.png")
        write_mask(root / "data/masks" / f"{name}.png", mask)
    (root / "data/splits/test.txt").write_text("test_0\ntest_1\n")
    torch.manual_seed(0)
    preset = preset_named("tiny")
    segmenter = Segmenter(
        preset.build(len(NAMES)),
        ClassList(NAMES),
        torchvision_frame(96),
        "tiny",
        {"others": "ignore"},
    )
    save_model(root / "run/model", segmenter)
    return root


def test_the_picture_has_a_row_for_each_image_and_is_the_same_each_time(tmp_path: Path) -> None:
    demo, out = write_demo(tmp_path / "demo", classes=(1, 2, 3)), tmp_path / "a.png"

    assert script.main([str(demo), str(out)]) == 0
    script.draw(demo, tmp_path / "b.png")

    with Image.open(out) as picture:
        assert picture.width > picture.height > picture.width * 2 * 0.15
    assert out.read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_demo_without_crowded_pictures_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = write_demo(tmp_path, classes=(1, 2))

    assert script.main([str(demo), str(tmp_path / "a.png")]) == 1
    assert "no held-out picture holds 3 classes" in capsys.readouterr().err
    with pytest.raises(DataError, match="no held-out picture holds 3 classes"):
        script.draw(demo, tmp_path / "a.png")


def test_the_picture_of_failures_has_a_row_for_the_worst_of_each_kind(tmp_path: Path) -> None:
    demo, out = write_demo(tmp_path / "demo", classes=(1, 2)), tmp_path / "a.png"

    assert script.main(["--failures", str(demo), str(out)]) == 0

    # The untrained network gives both pictures the same classes: one kind of failure, one row.
    with Image.open(out) as picture:
        assert picture.width > 2.5 * picture.height


def test_a_failure_is_named_by_its_classes_and_judged_by_what_went_wrong(tmp_path: Path) -> None:
    demo = write_demo(tmp_path, classes=(1, 2))
    catalogue = Catalogue.read(demo / "data")
    segmenter = load_model(demo / "run")
    record = catalogue.record("test_0")

    def kind(threshold: float) -> str:
        model = replace(segmenter, procedure=Procedure(threshold=threshold))
        return str(script._look(model, catalogue, record).kind)

    assert kind(1.0) == "a class is missed"
    assert kind(0.0) == "a class is invented"


def test_wrong_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main([]) == 2
    assert "expected two arguments" in capsys.readouterr().err
