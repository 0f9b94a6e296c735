from pathlib import Path

import numpy as np
import pytest
import torch

from decouplednet.errors import DeviceError, ModelError
from decouplednet.inference.model_folder import load_model, save_model
from decouplednet.networks import taps
from tests.inference.test_model_folder import IMAGE, tiny_segmenter


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    save_model(run / "model", tiny_segmenter())
    return run


def test_a_model_can_be_loaded_in_a_precision_and_predicts_in_it(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taps, "_LARGE_WEIGHT", 100)

    exact, rough = load_model(saved), load_model(saved, precision="bf16")

    assert (exact.precision, exact.predictor().precision) == (None, None)
    assert (rough.precision, rough.predictor().precision) == (torch.bfloat16, torch.bfloat16)
    assert rough.network.classifier.head.fc6.weight.dtype == torch.bfloat16
    assert exact.network.classifier.head.fc6.weight.dtype == torch.float32
    maps = [of.predict(IMAGE, ["cat"]).class_maps["cat"] for of in (exact, rough)]
    assert 0 < float(np.abs(maps[0] - maps[1]).max()) < 0.1


def test_a_precision_that_is_not_there_is_refused(saved: Path) -> None:
    with pytest.raises(DeviceError, match=r"^precision fp16 needs a GPU; on a CPU choose bf16 or"):
        load_model(saved, precision="fp16")


def test_kernels_that_are_rounded_are_not_saved(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taps, "_LARGE_WEIGHT", 100)
    rough = load_model(saved, precision="bf16")

    with pytest.raises(ModelError) as fault:
        save_model(tmp_path / "again", rough)

    assert str(fault.value) == (
        f"{tmp_path / 'again'}: nothing is written, since kernels of this model are kept in bf16; "
        "load it with precision 32 to save it"
    )
    assert not (tmp_path / "again").exists()


def test_another_precision_than_the_model_s_can_be_asked_for(saved: Path) -> None:
    rough = load_model(saved, precision="bf16")

    assert rough.predictor(precision=None).precision is None
    assert rough.predictor().precision == torch.bfloat16
