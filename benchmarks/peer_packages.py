"""The packages that the peers come from: looked for, and made importable beside a CPU's torch."""

import importlib
from importlib.util import find_spec
from types import ModuleType

from decouplednet.errors import UserError

PACKAGE = "segmentation_models_pytorch"
REMEDY = (
    "make an environment of its own for it, as docs/how-to/compare-with-peers.md says: "
    "pip install -c constraints.txt -e . segmentation-models-pytorch"
)
OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept = list[object]()  # a library that is freed takes its operators with it


class PackageError(UserError):
    """A package that a peer comes from is missing or does not import."""


def load_peer_packages() -> ModuleType:
    """Return the package of the peers, imported.

    This goes before every import of lightning and torchmetrics: they import torchvision where it is
    installed, and fail where that does not import.

    Raises:
        PackageError: it is not installed, or does not import.
    """
    if find_spec(PACKAGE) is None:
        raise PackageError(f"{PACKAGE} is not installed here; {REMEDY}")
    try:
        make_torchvision_importable()
        return importlib.import_module(PACKAGE)
    except (ImportError, RuntimeError) as fault:
        raise PackageError(f"{PACKAGE} does not import here: {fault}; {REMEDY}") from None


def make_torchvision_importable() -> None:
    """Import torchvision, under declarations of its operators where it cannot bring them itself.

    The registry's torchvision has its operators for CUDA, which cannot be loaded beside the CPU
    build of torch; its import then fails on the operators that it describes to torch. With the
    declarations it imports. The operators, for boxes, still cannot be called.

    Raises:
        ImportError: it is not installed.
        RuntimeError: it does not import all the same.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        _declare_operators()
        importlib.import_module("torchvision")


def _declare_operators() -> None:
    """Tell torch of the operators by their schemas; those that it knows stay as they are."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch's own
    for name in OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}{_SCHEMA}")  # type: ignore[no-untyped-call]  # torch's own
    _kept.append(library)
