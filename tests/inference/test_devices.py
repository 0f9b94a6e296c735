import pytest
import torch

from decouplednet.errors import DeviceError
from decouplednet.inference import devices
from decouplednet.inference.devices import choose_device, choose_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "present", "expected"),
    [
        ("auto", False, "cpu"),
        ("auto", True, "cuda"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_the_device_is_the_one_asked_for(
    name: str, present: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present)

    assert choose_device(name) == torch.device(expected)


def test_an_absent_gpu_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(DeviceError, match=r"finds no GPU on this machine; choose cpu or auto, or"):
        choose_device("cuda")


def test_an_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DeviceError, match=r"device 'tpu' is none of auto, cpu, cuda"):
        choose_device("tpu")


@pytest.mark.parametrize(
    ("name", "device", "expected"),
    [
        ("32", "cpu", None),
        ("32", "cuda", None),
        ("bf16", "cpu", torch.bfloat16),
        ("fp16", "cuda", torch.float16),
    ],
)
def test_the_precision_is_the_one_asked_for(
    name: str, device: str, expected: torch.dtype | None
) -> None:
    assert choose_precision(name, torch.device(device)) is expected


@pytest.mark.parametrize("native", [False, True])
def test_auto_precision_is_bf16_only_where_the_hardware_has_it(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = torch.bfloat16 if native else None
    monkeypatch.setattr(devices, "bf16_in", lambda: native)

    def supported(including_emulation: bool) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)

    assert choose_precision("auto", CPU) is expected
    assert choose_precision("auto", torch.device("cuda")) is expected


def test_8_bits_are_for_processors_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "int8_in", lambda: True)

    assert choose_precision("int8", CPU) is torch.int8
    message = "^precision int8 is computed on the CPU alone; choose device cpu or bf16$"
    with pytest.raises(DeviceError, match=message):
        choose_precision("int8", torch.device("cuda"))


def test_half_precision_on_a_cpu_is_refused_with_a_remedy() -> None:
    with pytest.raises(DeviceError, match=r"fp16 needs a GPU; on a CPU choose bf16 or 32"):
        choose_precision("fp16", CPU)


def test_an_unknown_precision_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DeviceError, match=r"precision '64' is none of auto, 32, bf16, fp16, int8"):
        choose_precision("64", CPU)
