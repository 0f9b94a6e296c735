import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
import transformers
from torch import Tensor

from decouplednet.dataset.frame import torchvision_frame
from decouplednet.errors import ModelError
from decouplednet.networks.backbone import BackboneEncoder
from decouplednet.training.backbones import read_backbone, read_backbone_weights
from tests.networks.backbones import CONFIGS, FAMILIES, library_backbone, small_backbone
from tests.training.backbones import write_backbone


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_with_a_config_alone_is_a_backbone(family: str, tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / family, family, weights=False)

    found = read_backbone(str(folder))

    assert found.backbone == small_backbone(family)
    assert found.source == str(folder)
    assert found.frame(70) == torchvision_frame(70)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_weights_are_those_of_the_folder(family: str, tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / family, family)
    expected = library_backbone(transformers.AutoConfig.from_pretrained(folder))
    torch.manual_seed(8)
    other = BackboneEncoder(small_backbone(family))

    found = read_backbone(str(folder))
    weights = read_backbone_weights(found)
    other.start_from(weights)

    saved = _saved(folder)
    assert {tensor.dtype for tensor in weights.values()} <= {torch.float32, torch.int64}
    known = [key for key in saved if key in weights]
    assert len(known) == len(expected.state_dict()) == len(saved)
    assert all(torch.equal(weights[key], saved[key]) for key in known)
    assert all(torch.equal(other.backbone.state_dict()[key], saved[key]) for key in known)


def _saved(folder: Path) -> dict[str, Tensor]:
    """Return the weights of a folder, read by the library into a backbone of one level."""
    kind: Any = type(library_backbone(transformers.AutoConfig.from_pretrained(folder)))
    loaded = kind.from_pretrained(folder, local_files_only=True)
    state: dict[str, Tensor] = loaded.state_dict()
    return state


def test_weights_of_a_network_that_classifies_hold_those_of_its_backbone(tmp_path: Path) -> None:
    config = transformers.ConvNextConfig.from_dict(CONFIGS["convnext"])
    torch.manual_seed(9)
    classifies = transformers.ConvNextForImageClassification(config)
    classifies.save_pretrained(tmp_path)

    weights = read_backbone_weights(read_backbone(str(tmp_path)))

    for key, tensor in classifies.convnext.state_dict().items():
        if not key.startswith("layernorm"):  # after the last level, of the classification alone
            assert torch.equal(weights[key], tensor), key
    assert (weights["hidden_states_norms.stage2.weight"] == 1).all()


def test_half_precision_weights_are_read_as_float32(tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "half", "dinov2", half=True)

    weights = read_backbone_weights(read_backbone(str(folder)))

    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("values", "mean", "deviation"),
    [
        (
            {"image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 1, 0.25]},
            (127.5, 63.75, 31.875),
            (127.5, 255, 63.75),
        ),
        (
            {"image_mean": [0, 0, 1], "image_std": [1, 1, 2], "rescale_factor": 1 / 127.5},
            (0, 0, 127.5),
            (127.5, 127.5, 255),
        ),
        (
            {"image_mean": [9, 8, 7], "image_std": [4, 5, 6], "do_rescale": False},
            (9, 8, 7),
            (4, 5, 6),
        ),
        (
            {"image_mean": [9, 8, 7], "image_std": [4, 5, 6], "do_normalize": False},
            (0, 0, 0),
            (255, 255, 255),
        ),
        ({}, torchvision_frame(1).mean, torchvision_frame(1).deviation),
    ],
)
def test_images_are_prepared_as_the_image_processor_s_file_says(
    values: dict[str, Any],
    mean: tuple[float, ...],
    deviation: tuple[float, ...],
    tmp_path: Path,
) -> None:
    folder = write_backbone(tmp_path / "one", "swin", weights=False)
    (folder / "preprocessor_config.json").write_text(json.dumps(values))

    frame = read_backbone(str(folder)).frame(96)

    assert (frame.side, frame.channel_order) == (96, "RGB")
    assert frame.mean == pytest.approx(mean)
    assert frame.deviation == pytest.approx(deviation)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("config.json", "{", r"config\.json: not a readable JSON file: "),
        ("config.json", "[]", r"config\.json: expected a JSON object; found a list$"),
        ("config.json", "{}", r"one: model_type None is no backbone of transformers"),
        ("preprocessor_config.json", "no", r"processor_config\.json: not a readable JSON file: "),
        (
            "preprocessor_config.json",
            '{"image_mean": [0.5], "image_std": [1, 1, 1]}',
            r"image_mean = \[0\.5\], image_std = \[1, 1, 1\]: expected three numbers each, those "
            r"of image_std above 0$",
        ),
        (
            "preprocessor_config.json",
            '{"image_mean": [0, 0, 0], "image_std": [1, 0, 1]}',
            "expected three numbers each, those of image_std above 0$",
        ),
        (
            "preprocessor_config.json",
            '{"image_mean": 0.5, "image_std": 0.5}',
            r"image_mean = 0\.5, image_std = 0\.5: expected three numbers each",
        ),
        (
            "preprocessor_config.json",
            '{"image_mean": ["a", 0, 0], "image_std": [1, 1, 1]}',
            "expected three numbers each",
        ),
        (
            "preprocessor_config.json",
            '{"rescale_factor": 0}',
            r"rescale_factor = 0: expected a number above 0$",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    file: str, text: str, message: str, tmp_path: Path
) -> None:
    folder = write_backbone(tmp_path / "one", "swin", weights=False)
    (folder / file).write_text(text)

    with pytest.raises(ModelError, match=message):
        read_backbone(str(folder))


def test_a_folder_without_config_or_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ModelError, match=r": holds no config\.json, which says what the backbone"):
        read_backbone(str(tmp_path))
    for source in (str(tmp_path / "none"), str(tmp_path / "file"), "./none", "a\\none"):
        with pytest.raises(ModelError, match=r"none|file: there is no such folder \(backbone\)$"):
            read_backbone(source)


def _snapshot(folder: Path, asked: list[object]) -> Callable[..., str]:
    def fetch(name: str, **options: object) -> str:
        asked.append((name, options["allow_patterns"]))
        return str(folder)

    return fetch


def test_a_name_is_fetched_from_the_hub_its_weights_only_when_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_backbone(tmp_path / "snapshot", "resnet")
    asked: list[object] = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", _snapshot(folder, asked))

    found = read_backbone("someone/resnet-small")

    assert found.source == "someone/resnet-small"
    assert asked == [("someone/resnet-small", ["config.json", "preprocessor_config.json"])]
    weights = read_backbone_weights(found)
    assert weights.keys() == BackboneEncoder(found.backbone).backbone.state_dict().keys()
    patterns = ["model*.safetensors", "model*.safetensors.index.json"]
    assert asked[1] == ("someone/resnet-small", patterns)


def test_a_name_that_cannot_be_fetched_says_where_what_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError("no route\nto host.")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)

    with pytest.raises(
        ModelError,
        match=r"^backbone facebook/dinov9: no folder here, and it cannot be fetched from "
        r"https://huggingface\.co: no route to host\. Look whether the name is right, go online "
        r"once, or give a folder with its config\.json$",
    ):
        read_backbone("facebook/dinov9")


def test_weights_that_are_missing_pickled_or_of_another_backbone_are_refused(
    tmp_path: Path,
) -> None:
    bare = write_backbone(tmp_path / "bare", "dinov2", weights=False)
    torch.save({"a": torch.zeros(1)}, bare / "pytorch_model.bin")
    with pytest.raises(
        ModelError,
        match=r"bare: its weights cannot be read: .*; give a folder with its model\.safetensors, "
        r"or train from scratch with classifier\.weights=none$",
    ):
        read_backbone_weights(read_backbone(str(bare)))

    deeper = write_backbone(tmp_path / "deeper", "dinov2")
    config = json.loads((deeper / "config.json").read_text())
    for name in ("out_features", "out_indices", "stage_names"):
        del config[name]
    (deeper / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 6}))
    with pytest.raises(
        ModelError,
        match=r"deeper: its weights are not those of its config: .*\.5\..* is the first of \d\d "
        "tensors that differ; give a folder",
    ):
        read_backbone_weights(read_backbone(str(deeper)))


def test_the_libraries_are_quiet_meanwhile_and_as_before_afterwards(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write_backbone(tmp_path / "one", "swin")
    bars = transformers.utils.logging.is_progress_bar_enabled()
    level = logging.getLogger("transformers").level
    capfd.readouterr()

    read_backbone_weights(read_backbone(str(folder)))

    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.is_progress_bar_enabled() == bars
    assert logging.getLogger("transformers").level == level
