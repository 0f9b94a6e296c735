"""In which precisions a preset is known to score as well as in float32, within stated bounds.

At most 0.002 mean IoU may be lost in bf16, and 0.01 in 8 bits; docs/reference/speed.md has what was
measured. A precision is added to a kind of network once the scores of one of that kind were.
``load_model`` with ``auto`` and ``decouplednet benchmark`` for its fastest mode choose by it.
"""

import torch

OF_LARGE_KERNELS: frozenset[torch.dtype | None] = frozenset({None, torch.bfloat16, torch.int8})
"""For kernels that the CPU takes tap by tap: measured on ``vgg16``."""

OF_SWITCHES: frozenset[torch.dtype | None] = frozenset({None, torch.bfloat16})
"""For other networks whose decoder has switches, ``light`` and ``tiny``.

Measured in bf16 on ``vgg16``, which has the encoder and decoder of ``light``; in 8 bits ``light``
was, on too few images.
"""

OF_SKIPS: frozenset[torch.dtype | None] = frozenset({None, torch.bfloat16, torch.int8})
"""For a decoder with skips, ``skip``, ``fast`` and ``tiny-skip``: measured on ``skip``."""

_BY_PRESET = {
    "vgg16": OF_LARGE_KERNELS,
    "light": OF_SWITCHES,
    "tiny": OF_SWITCHES,
    "skip": OF_SKIPS,
    "fast": OF_SKIPS,
    "tiny-skip": OF_SKIPS,
}


def is_within_bounds(preset: str, precision: torch.dtype | None) -> bool:
    """Return whether a preset is known to lose no more than the bounds allow in a precision.

    Args:
        preset: its name; one that is in no row is known in float32 alone.
        precision: type of the matrix products; None for float32 throughout.

    >>> is_within_bounds("skip", torch.int8), is_within_bounds("skip", torch.float16)
    (True, False)
    """
    return precision in _BY_PRESET.get(preset, {None})
