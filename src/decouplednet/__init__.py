"""Train a semantic segmenter from many images with tags and a handful with masks.

These names are the public interface; everything else may change between versions. Each is
imported when it is first used, so that ``decouplednet.check`` needs no torch.

* ``check(data)`` opens every file of a data set and returns what is wrong with it.
* ``train(data, out=..., settings=...)`` trains all stages and leaves a run folder.
* ``compare(data, out=..., methods=...)`` trains several methods alike and tabulates their scores.
* ``audit_tags(model, data, out=...)`` ranks images whose tags are probably wrong or missing.
* ``evaluate(model, data, split=...)`` scores a model on a split.
* ``export_model(model, out, to=...)`` writes a model for programs without this package.
* ``prepare_int8(model, images)`` lets a model be loaded in 8 bits.
* ``load(path, device=...)`` returns the ``Segmenter`` of a run or model folder.
* ``write_prelabels(model, data, out=..., to=...)`` segments tagged images for a tool to import.
* ``write_report(run)`` writes the page about a run.
* ``Settings`` is everything a training run can be told.
* ``Segmenter`` predicts; ``Prediction`` is what it says of one image.
* ``UserError`` is the family of faults that a user can mend.
* ``__version__`` is the version of the installed package.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decouplednet.annotations.check import check
    from decouplednet.audit.audit import audit_tags
    from decouplednet.comparison.compare import compare
    from decouplednet.errors import UserError
    from decouplednet.evaluation.evaluate import evaluate
    from decouplednet.export.export import export_model
    from decouplednet.inference.activation_ranges import prepare_int8
    from decouplednet.inference.model_folder import load_model as load
    from decouplednet.inference.prediction import Prediction
    from decouplednet.inference.segmenter import Segmenter
    from decouplednet.prelabel.prelabel import write_prelabels
    from decouplednet.report.write import write_report
    from decouplednet.settings import Settings
    from decouplednet.training.run import train

    __version__: str

__all__ = [
    "Prediction",
    "Segmenter",
    "Settings",
    "UserError",
    "__version__",
    "audit_tags",
    "check",
    "compare",
    "evaluate",
    "export_model",
    "load",
    "prepare_int8",
    "train",
    "write_prelabels",
    "write_report",
]

# Public name to the module that holds it and its name there; the imports above say the same to
# readers and type checkers, and a test compares the two.
_HOMES = {
    "Prediction": ("decouplednet.inference.prediction", "Prediction"),
    "Segmenter": ("decouplednet.inference.segmenter", "Segmenter"),
    "Settings": ("decouplednet.settings", "Settings"),
    "UserError": ("decouplednet.errors", "UserError"),
    "audit_tags": ("decouplednet.audit.audit", "audit_tags"),
    "check": ("decouplednet.annotations.check", "check"),
    "compare": ("decouplednet.comparison.compare", "compare"),
    "evaluate": ("decouplednet.evaluation.evaluate", "evaluate"),
    "export_model": ("decouplednet.export.export", "export_model"),
    "load": ("decouplednet.inference.model_folder", "load_model"),
    "prepare_int8": ("decouplednet.inference.activation_ranges", "prepare_int8"),
    "train": ("decouplednet.training.run", "train"),
    "write_prelabels": ("decouplednet.prelabel.prelabel", "write_prelabels"),
    "write_report": ("decouplednet.report.write", "write_report"),
}


def __getattr__(name: str) -> Any:
    """Return a public name, importing its module when it is first used (PEP 562)."""
    if name == "__version__":
        return metadata.version("decouplednet")
    if name not in _HOMES:
        raise AttributeError(f"module 'decouplednet' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return sorted(__all__)
