"""Where automatic mixed precision acts, and where it would cost more than it saves."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import torch

from decouplednet.networks.processor import bf16_in

_EIGHT_BITS = ContextVar("eight_bits", default=False)


@contextmanager
def mixed_precision(device: torch.device, precision: torch.dtype | None) -> Iterator[None]:
    """Compute matrix products in another type while the context lasts.

    Args:
        device: where the tensors are.
        precision: that type; None for float32 throughout, also inside an outer such context;
            ``torch.int8`` for chains of convolutions in 8 bits where their ranges are known, and
            the type of ``beside_bytes`` elsewhere.
    """
    in_bytes = precision is torch.int8
    dtype = beside_bytes(precision)
    token = _EIGHT_BITS.set(in_bytes)
    try:
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            yield
    finally:
        _EIGHT_BITS.reset(token)


def beside_bytes(precision: torch.dtype | None) -> torch.dtype | None:
    """Return the type of the matrix products that are not in 8 bits; None for float32.

    Args:
        precision: that is asked for. For ``torch.int8`` the others are in bfloat16 where the
            processor multiplies it, and in float32 where that would be slower; else they are in
            the precision itself.
    """
    if precision is not torch.int8:
        return precision
    return torch.bfloat16 if bf16_in() else None


def eight_bits() -> bool:
    """Return whether chains of convolutions whose ranges are known are computed in 8 bits."""
    return _EIGHT_BITS.get()


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which autocast does not act.

    The head's maxima decide where f_cls lies, and bfloat16 ties them; converting fc6's large
    weight at every call also takes longer than the product it would speed up.

    Args:
        device: where the tensors are.
    """
    # Tensors without memory ("meta") know no autocast.
    if device.type != "meta" and torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    # torch.export records a context that is entered, so none is where none is needed.
    return nullcontext()


def working_type(device: torch.device, usual: torch.dtype) -> torch.dtype:
    """Return in which type matrix products are computed here: autocast's where it acts.

    Args:
        device: where the tensors are.
        usual: the type elsewhere.
    """
    if device.type != "meta" and torch.is_autocast_enabled(device.type):
        return torch.get_autocast_dtype(device.type)
    return usual
