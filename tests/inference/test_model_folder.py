import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from decouplednet.classes import ClassList
from decouplednet.errors import DataError, DeviceError, ModelError
from decouplednet.inference import model_folder
from decouplednet.inference.model_folder import load_model, save_model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.presets import preset_named
from tests.inference.small import small_frame
from tests.networks.small import paper_parts

NAMES = ("cat", "cow", "größe")
TRAINING = {"others": "background", "seed": 3, "seconds": {"classifier": 1.5}}
IMAGE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)


def tiny_segmenter(names: tuple[str, ...] = NAMES, seed: int = 0) -> Segmenter:
    torch.manual_seed(seed)
    network = preset_named("tiny").build(len(names))
    bridge, decoder = paper_parts(network)
    nn.init.normal_(decoder.score.weight)
    norm = bridge.pool5_norm
    assert norm.running_mean is not None
    nn.init.normal_(norm.running_mean)  # statistics belong to the model
    network.eval()
    return Segmenter(network, ClassList(names), small_frame(96), "tiny", TRAINING)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    save_model(run / "model", tiny_segmenter())
    return run


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    """A model folder of one's own, to be damaged."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "model.json").write_bytes((saved / "model/model.json").read_bytes())
    os.link(saved / "model/model.safetensors", folder / "model.safetensors")
    return folder


def replace_weights(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").unlink()  # a hard link: writing would change the original
    (folder / "model.safetensors").write_bytes(content)


def change(folder: Path, **changes: object) -> None:
    file = folder / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}), encoding="utf-8")


@pytest.mark.parametrize("inside", ["", "model"])
def test_a_loaded_model_is_the_saved_one(saved: Path, inside: str) -> None:
    original = tiny_segmenter()

    loaded = load_model(saved / inside)

    assert loaded.classes == original.classes
    assert loaded.frame == original.frame
    assert loaded.preset == "tiny"
    assert loaded.training == TRAINING
    state = loaded.network.state_dict()
    for key, tensor in original.network.state_dict().items():
        assert torch.equal(tensor, state[key]), key
    one, other = original.predict(IMAGE, {"cow"}), loaded.predict(IMAGE, {"cow"})
    np.testing.assert_allclose(one.class_maps["cow"], other.class_maps["cow"], atol=1e-6)


def test_a_path_may_be_a_text(saved: Path) -> None:
    assert load_model(str(saved)).preset == "tiny"


def test_a_loaded_network_is_frozen_in_evaluation_mode_and_channels_last(saved: Path) -> None:
    network = load_model(saved).network

    assert not any(part.training for part in network.modules())
    assert not any(weight.requires_grad for weight in network.parameters())
    weight = network.get_parameter("classifier.encoder.features.3.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_the_model_is_loaded_onto_the_cpu_unless_asked_otherwise(saved: Path) -> None:
    assert load_model(saved).device == torch.device("cpu")
    assert load_model(saved, torch.device("cpu")).device == torch.device("cpu")


def test_an_absent_device_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(DeviceError, match="finds no GPU"):
        load_model(saved, "cuda")


def test_the_description_is_the_documented_one(saved: Path) -> None:
    text = (saved / "model/model.json").read_text(encoding="utf-8")

    description = json.loads(text)

    assert list(description) == ["format_version", "preset", "classes", "frame", "training"]
    assert description["format_version"] == 2
    assert description["classes"] == list(NAMES)
    assert description["frame"]["side"] == 96
    assert "größe" in text
    assert sorted(file.name for file in (saved / "model").iterdir()) == [
        "model.json",
        "model.safetensors",
    ]


def test_saving_replaces_a_model_and_leaves_other_files(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    save_model(tmp_path, tiny_segmenter())

    save_model(tmp_path, tiny_segmenter(("sheep",), seed=1))

    assert load_model(tmp_path).classes.names == ("sheep",)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "model.json",
        "model.safetensors",
        "note.txt",
    ]


STEPS: dict[str, tuple[Any, str]] = {
    "before the weights": (model_folder, "write_weights"),
    "after the weights": (model_folder, "_flush"),
    "before the weights take their name": (Path, "replace"),
    "before the description": (model_folder, "write_atomically"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_leaves_the_model_from_before_or_none(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tmp_path, tiny_segmenter())
    place, name = STEPS[step]

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place, name, crash)
        with pytest.raises(KeyboardInterrupt):
            save_model(tmp_path, tiny_segmenter(("sheep",), seed=1))

    assert not list(tmp_path.glob(".*"))
    if (tmp_path / "model.json").exists():
        assert load_model(tmp_path).classes.names == NAMES
    else:
        with pytest.raises(ModelError, match="holds no model"):
            load_model(tmp_path)
    save_model(tmp_path, tiny_segmenter(("sheep",), seed=1))
    assert load_model(tmp_path).classes.names == ("sheep",)


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path, network: nn.Module) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_folder, "write_weights", full)

    with pytest.raises(
        DataError, match=r"model cannot be written: No space left on device; free space or choose"
    ):
        save_model(tmp_path / "model", tiny_segmenter())

    assert not list((tmp_path / "model").iterdir())


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DataError, match=r"file: the model cannot be written: File exists"):
        save_model(tmp_path / "file", tiny_segmenter())


def test_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent: there is no such model"):
        load_model(tmp_path / "absent")
    with pytest.raises(ModelError, match=r"holds no model; expected model.json and model.safet"):
        load_model(tmp_path)


def test_a_description_without_weights_is_said(model: Path) -> None:
    (model / "model.safetensors").unlink()

    with pytest.raises(ModelError, match=r"model.safetensors: missing, though model.json is there"):
        load_model(model)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a JSON file: Expecting value"),
        (b'{"format_version": 1, "pre', "not a JSON file: Unterminated string"),
        (b"\xff\xfe", "not a JSON file: 'utf-8' codec"),
        (b"[" * 100_000, "not a JSON file: maximum recursion depth"),
        (b'{"a": "\\ud800"}', "not a JSON file: .* surrogates not allowed"),
        (b"[1, 2]", "expected a JSON object of format_version, ...; found a list"),
        (b"null", "expected a JSON object of .*; found a NoneType"),
        (b"{}", "format_version None: expected 2"),
        (b'{"format_version": true}', "format_version True: expected 2"),
        (b'{"format_version": 0}', "format_version 0: expected 2"),
        (b'{"format_version": "1"}', "format_version '1': expected 2"),
        (b'{"format_version": 3}', "format_version 3 is newer than 2, .*; upgrade it"),
        (b'{"format_version": 1}', "preset: Field required"),
        (b'{"format_version": 2}', "preset: Field required"),
        (b" " * (16 * 2**20 + 1), "larger than 16777216 bytes"),
    ],
)
def test_a_damaged_description_is_one_line(model: Path, content: bytes, message: str) -> None:
    (model / "model.json").write_bytes(content)

    with pytest.raises(ModelError, match=rf"model\.json: {message}") as refusal:
        load_model(model)

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "tiiny"}, r"there is no preset 'tiiny'; did you mean tiny\?"),
        ({"preset": 7}, "preset: Input should be a valid string"),
        ({"preset": "vgg16"}, "preset vgg16: height 96 must be a multiple of 32 and at least 224"),
        ({"classes": []}, "a class list holds 1 to 254 names; this one holds 0"),
        ({"classes": ["cat", "cat", "cow"]}, "class 'cat' is listed twice"),
        ({"classes": ["cat", "?", "cow"]}, r"class name '\?' is what tags\.csv says of an image"),
        ({"classes": ["cat", "c\x0bt", "cow"]}, r"class name 'c\\x0bt' is empty, has spaces"),
        ({"classes": ["cat", 2, "cow"]}, "classes.1: Input should be a valid string"),
        ({"classes": {"cat": 1}}, "classes: Input should be a valid list"),
        ({"frame": []}, "frame: Input should be a valid dictionary"),
        ({"frame": {}}, r"frame.side: Field required \(3 more\)"),
        ({"training": {"others": 1}}, r"training\.others is 1: expected 'ignore' or 'background'"),
        ({"training": "much"}, "training: Input should be a valid dictionary"),
        ({"pickle": "x"}, "pickle: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_entry_is_named(model: Path, changes: dict[str, object], message: str) -> None:
    change(model, **changes)

    with pytest.raises(ModelError, match=rf"model\.json: {message}"):
        load_model(model)


def test_a_model_of_the_former_format_is_loaded(model: Path) -> None:
    change(model, format_version=1)

    assert load_model(model).classes.names == NAMES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *(
            (
                {"preset": name},
                f"in format_version 1, preset {name} was a network of another function under the "
                "same names; train it again",
            )
            for name in ("skip", "tiny-skip", "modern")
        ),
        (
            {"pooling": {"name": "top-k", "count": 3}},
            "format_version 1 pools the 3 highest scores, which no network does any more; train it",
        ),
    ],
)
def test_a_model_of_the_former_format_that_would_be_another_function_is_refused(
    model: Path, changes: dict[str, object], message: str
) -> None:
    change(model, format_version=1, **changes)

    with pytest.raises(ModelError, match=rf"model\.json: {message}"):
        load_model(model)


def test_a_frame_that_no_memory_could_hold_is_refused(model: Path) -> None:
    change(model, frame={**small_frame().to_dict(), "side": 32 * 2**30})

    with pytest.raises(ModelError, match=r"frame.side: 34359738368 pixels; at most 4096"):
        load_model(model)


def test_damaged_weights_are_refused(model: Path) -> None:
    replace_weights(model, b"no weights")

    with pytest.raises(ModelError, match=r"model\.safetensors: not a whole safetensors file: "):
        load_model(model)


def test_a_class_too_many_lists_both_sides(model: Path) -> None:
    change(model, classes=["cat", "cow", "dog", "horse"])

    expected = (
        r"in 2 tensors: expected classifier.head.score.bias F32 \(4,\), .*"
        r"found classifier.head.score.bias F32 \(3,\), "
    )
    with pytest.raises(ModelError, match=expected):
        load_model(model)


def test_loading_unpickles_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("unpickled")

    for module, name in [
        (pickle, "load"),
        (pickle, "loads"),
        (pickle, "Unpickler"),
        (torch, "load"),
    ]:
        monkeypatch.setattr(module, name, refuse)

    assert load_model(model).preset == "tiny"
