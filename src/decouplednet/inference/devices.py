"""Which device computes, and how precisely."""

import torch

from decouplednet.errors import DeviceError
from decouplednet.networks.processor import bf16_in, int8_in
from decouplednet.networks.quantisation import multiplies_bytes

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "32", "bf16", "fp16", "int8")


def choose_device(name: str) -> torch.device:
    """Return the device of that name.

    Args:
        name: ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.

    Raises:
        DeviceError: there is no such name, or ``cuda`` is asked for and absent.
    """
    if name not in DEVICES:
        raise DeviceError(f"device {name!r} is none of {', '.join(DEVICES)}")
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise DeviceError(
            f"device cuda: torch {torch.__version__} finds no GPU on this machine; choose cpu or "
            "auto, or install a CUDA build of torch and a driver that fits it"
        )
    return torch.device("cuda" if present and name != "cpu" else "cpu")


def choose_precision(name: str, device: torch.device) -> torch.dtype | None:
    """Return the type that matrix products are computed in; None stands for float32 throughout.

    Args:
        name: ``auto`` (bf16 where the hardware multiplies it natively, else 32), ``32``, ``bf16``,
            ``fp16`` or ``int8``.
        device: where it will be computed.

    Raises:
        DeviceError: there is no such name, or the device cannot compute that way.
    """
    if name not in PRECISIONS:
        raise DeviceError(f"precision {name!r} is none of {', '.join(PRECISIONS)}")
    if name == "fp16" and device.type == "cpu":
        raise DeviceError("precision fp16 needs a GPU; on a CPU choose bf16 or 32")
    if name == "int8":
        _check_bytes(device)
    if name == "auto":
        return torch.bfloat16 if _multiplies_bf16(device) else None
    return {"32": None, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.int8}[name]


def precision_word(precision: torch.dtype | None) -> str:
    """Return what people call the type of matrix products.

    >>> precision_word(None), precision_word(torch.bfloat16)
    ('float32', 'bf16')
    """
    words = {None: "float32", torch.bfloat16: "bf16", torch.float16: "fp16", torch.int8: "int8"}
    return words[precision]


def _check_bytes(device: torch.device) -> None:
    if device.type != "cpu":
        raise DeviceError("precision int8 is computed on the CPU alone; choose device cpu or bf16")
    if not multiplies_bytes():
        raise DeviceError(
            f"precision int8 needs convolutions of bytes, which torch {torch.__version__} has not; "
            "install a newer torch with oneDNN, or choose bf16 or 32"
        )
    if not int8_in():
        raise DeviceError(
            "precision int8 needs a processor that is known to multiply bytes (VNNI or AMX); "
            "choose bf16 or 32"
        )


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bf16_in()
