"""Where reduced precision would cost more than it saves."""

from contextlib import AbstractContextManager, nullcontext

import torch


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
