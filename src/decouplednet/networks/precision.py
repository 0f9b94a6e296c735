"""Where automatic mixed precision acts, and where it would cost more than it saves."""

from contextlib import AbstractContextManager, nullcontext

import torch


def mixed_precision(device: torch.device, precision: torch.dtype | None) -> torch.autocast:
    """Return a context in which matrix products are computed in another type.

    Args:
        device: where the tensors are.
        precision: that type; None for float32 throughout, also inside an outer such context.
    """
    return torch.autocast(device.type, dtype=precision, enabled=precision is not None)


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
