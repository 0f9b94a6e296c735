"""Where a run computes."""

import pytest
import torch
from lightning.pytorch import Trainer

from decouplednet.errors import DeviceError
from decouplednet.settings import ComputeSettings
from decouplednet.training.machine import Machine, machine


def test_what_is_asked_for_is_what_computes() -> None:
    settings = ComputeSettings(device="cpu", precision="bf16", devices=3, workers=2)

    assert machine(settings, progress=True) == Machine(
        device=torch.device("cpu"), devices=3, precision=torch.bfloat16, workers=2, progress=True
    )
    assert not machine(settings, progress=False).progress


def test_what_is_left_open_is_chosen_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)

    chosen = machine(ComputeSettings(), progress=False)

    assert (chosen.device.type, chosen.precision) == ("cuda", torch.bfloat16)


@pytest.mark.parametrize(
    ("precision", "word"),
    [(None, "32-true"), (torch.bfloat16, "bf16-mixed"), (torch.float16, "16-mixed")],
)
def test_a_precision_has_lightning_s_word(precision: torch.dtype | None, word: str) -> None:
    assert Machine(torch.device("cuda"), 1, precision, 0, False).precision_word == word


def test_lightning_computes_in_the_precision_of_its_word() -> None:
    trainer = Trainer(accelerator="cpu", precision="bf16-mixed", logger=False)

    with trainer.precision_plugin.forward_context():
        assert torch.get_autocast_dtype("cpu") is torch.bfloat16
        assert torch.is_autocast_enabled("cpu")


def test_a_precision_that_is_not_to_be_had_is_refused() -> None:
    with pytest.raises(DeviceError, match="precision fp16 needs a GPU; on a CPU choose bf16 or 32"):
        machine(ComputeSettings(device="cpu", precision="fp16"), progress=False)
