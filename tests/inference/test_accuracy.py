from pathlib import Path

import pytest
import torch

from decouplednet.inference import accuracy, devices
from decouplednet.inference.accuracy import (
    OF_LARGE_KERNELS,
    OF_SKIPS,
    OF_SWITCHES,
    is_within_bounds,
)
from decouplednet.inference.model_folder import load_model, save_model
from decouplednet.networks import taps
from decouplednet.networks.presets import PRESETS, Preset
from decouplednet.networks.taps import has_large_weights
from tests.inference.test_model_folder import tiny_segmenter

ALL = (None, torch.bfloat16, torch.int8, torch.float16)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_each_preset_is_judged_by_its_kind(preset: Preset) -> None:
    with torch.device("meta"):
        network = preset.build(3)
    kind = OF_SKIPS if preset.evidence else OF_SWITCHES
    expected = OF_LARGE_KERNELS if has_large_weights(network) else kind

    assert {one for one in ALL if is_within_bounds(preset.name, one)} == expected


@pytest.mark.parametrize("kind", [OF_LARGE_KERNELS, OF_SWITCHES, OF_SKIPS])
def test_float32_is_always_within_bounds(kind: frozenset[torch.dtype | None]) -> None:
    assert None in kind


def test_a_preset_that_nobody_measured_is_known_in_float32_alone() -> None:
    assert [is_within_bounds("modern", one) for one in ALL] == [True, False, False, False]


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("large", [100, 10**9])
def test_auto_takes_bf16_for_a_preset_once_it_was_measured(
    measured: bool, large: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tmp_path / "model", tiny_segmenter())
    monkeypatch.setattr(taps, "_LARGE_WEIGHT", large)
    monkeypatch.setattr(devices, "_multiplies_bf16", lambda _: True)
    known = {None, torch.bfloat16} if measured else {None}
    monkeypatch.setitem(accuracy._BY_PRESET, "tiny", frozenset(known))

    precision = load_model(tmp_path, precision="auto").precision

    assert precision == (torch.bfloat16 if measured else None)
