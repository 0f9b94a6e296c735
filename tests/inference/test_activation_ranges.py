"""Preparing a model for 8 bits, and predicting with it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from decouplednet.errors import DataError, DeviceError, ModelError, SettingsError
from decouplednet.inference import devices
from decouplednet.inference.activation_ranges import measure_ranges, prepare_int8
from decouplednet.inference.model_folder import load_model, save_model
from decouplednet.networks import precision, taps
from decouplednet.networks.ranges import ranges_of
from tests.inference.test_model_folder import IMAGE, tiny_segmenter
from tests.inference.test_predictor import draw
from tests.machine import needs_bytes


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_model(tmp_path / "run/model", tiny_segmenter())
    return tmp_path / "run"


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(5):
        Image.fromarray(draw((40, 50 + number), seed=number)).save(folder / f"{number}.png")
    return folder


@needs_bytes
def test_a_prepared_model_predicts_in_bytes_nearly_the_same(model: Path, photographs: Path) -> None:
    weights = (model / "model/model.safetensors").read_bytes()

    ranges = prepare_int8(model, photographs)

    exact, rough = load_model(model), load_model(model, precision="int8")
    assert ranges_of(rough.network) == ranges_of(exact.network) == pytest.approx(ranges)
    assert {"decoder.entry", "classifier.encoder.features.2"} <= ranges.keys()
    assert rough.precision is torch.int8
    maps = [of.predict(IMAGE, ["cat"]).class_maps["cat"] for of in (exact, rough)]
    assert 0 < float(np.abs(maps[0] - maps[1]).mean()) < 0.05
    halved = load_model(model, precision="bf16").predict(IMAGE, ["cat"]).class_maps["cat"]
    assert not np.array_equal(halved, maps[1])
    assert (model / "model/model.safetensors").read_bytes() == weights


@needs_bytes
def test_images_together_are_predicted_as_alone(model: Path, photographs: Path) -> None:
    prepare_int8(model, photographs)
    predictor = load_model(model, precision="int8").predictor()
    images = [draw((40, 61), seed=8), draw((53, 37), seed=9)]
    tags: list[set[str]] = [{"cat", "cow"}, {"cow"}]

    together = predictor.predict(images, tags)

    for image, known, found in zip(images, tags, together, strict=True):
        (alone,) = predictor.predict([image], [known])
        difference = np.abs(alone.class_maps["cow"] - found.class_maps["cow"])
        assert float(difference.mean()) < 5e-3  # what stands beside bytes is rounded to bf16


@needs_bytes
def test_kernels_that_are_rounded_beside_bytes_are_not_saved(
    model: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_int8(model, photographs)
    monkeypatch.setattr(taps, "_LARGE_WEIGHT", 100)
    monkeypatch.setattr(precision, "bf16_in", lambda: True)
    rough = load_model(model, precision="int8")

    with pytest.raises(ModelError, match="kernels of this model are kept in bf16; load it with"):
        save_model(tmp_path / "again", rough)
    monkeypatch.setattr(precision, "bf16_in", lambda: False)
    exact = load_model(model, precision="int8").network
    assert {weight.dtype for weight in exact.parameters()} == {torch.float32}


def test_ranges_are_kept_with_the_model(model: Path, photographs: Path, tmp_path: Path) -> None:
    ranges = prepare_int8(model, photographs, count=2)

    save_model(tmp_path / "again", load_model(model))

    assert json.loads((tmp_path / "again/model.json").read_text())["ranges"] == ranges
    again = prepare_int8(model, photographs, count=5)
    assert again.keys() == ranges.keys()
    assert again != ranges


def test_images_are_chosen_evenly(model: Path, photographs: Path) -> None:
    seen: list[str] = []

    def watch(paths: list[Path]) -> list[Path]:
        seen.extend(path.stem for path in paths)
        return paths

    prepare_int8(model, photographs, count=2, progress=watch)  # type: ignore[arg-type]  # a list
    prepare_int8(model, photographs, count=9, progress=watch)  # type: ignore[arg-type]  # the same

    assert seen == ["0", "2", "0", "1", "2", "3", "4"]


def test_an_image_in_which_nothing_is_found_still_reaches_the_decoder() -> None:
    segmenter = tiny_segmenter()
    torch.nn.init.constant_(segmenter.network.classifier.head.score.bias, -9.0)  # type: ignore[arg-type]  # it has one
    assert segmenter.predict(IMAGE).identified == ()

    assert "decoder.groups.4.5" in measure_ranges(segmenter, [IMAGE])


def test_a_model_without_ranges_is_not_loaded_in_8_bits(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "int8_in", lambda: True)

    with pytest.raises(ModelError) as fault:
        load_model(model, precision="int8")

    assert str(fault.value) == (
        f"{model / 'model/model.json'}: precision int8: the model knows no ranges of its "
        "activations; measure them with decouplednet prepare-int8 MODEL IMAGES, or choose bf16"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "multiplies_bytes",
            "precision int8 needs convolutions of bytes, which torch "
            f"{torch.__version__} has not; install a newer torch with oneDNN, or choose bf16 or 32",
        ),
        (
            "int8_in",
            "precision int8 needs a processor that is known to multiply bytes (VNNI or AMX); "
            "choose bf16 or 32",
        ),
    ],
)
def test_what_does_not_multiply_bytes_is_named(
    name: str, message: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, name, lambda: False)

    with pytest.raises(DeviceError) as fault:
        load_model(model, precision="int8")

    assert str(fault.value) == message


@pytest.mark.parametrize(
    "ranges", [{"decoder.entry": 0.0}, {"decoder.entry": -1}, {"nowhere": 1.0}]
)
def test_ranges_that_are_none_are_refused(model: Path, ranges: dict[str, float]) -> None:
    file = model / "model/model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "ranges": ranges}))

    message = "no place named nowhere" if "nowhere" in ranges else "ranges.decoder.entry: "
    with pytest.raises(ModelError, match=message):
        load_model(model)


def test_without_an_image_the_model_stays_as_it_is(model: Path, tmp_path: Path) -> None:
    before = (model / "model/model.json").read_bytes()
    (tmp_path / "empty").mkdir()

    with pytest.raises(DataError, match=r"empty: holds no image to measure activations on$"):
        prepare_int8(model, tmp_path / "empty")

    with pytest.raises(SettingsError, match=r"^count = 0: at least 1$"):
        prepare_int8(model, tmp_path / "empty", count=0)

    (tmp_path / "empty/cat.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"cat\.png"):
        prepare_int8(model, tmp_path / "empty")
    assert (model / "model/model.json").read_bytes() == before
