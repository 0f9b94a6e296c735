"""Cells that nobody trained, and methods that hand over an untrained network at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.comparison.cell import CellResult, CellScores, Digests, StageCurve, Where
from decouplednet.comparison.method import Contender
from decouplednet.comparison.terms import Terms, set_terms
from decouplednet.errors import TrainingError
from decouplednet.inference.model_folder import save_model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.presets import tiny
from decouplednet.settings import Settings
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder

CLASSES = ("disc", "bar", "frame")


def falling(updates: int, *, end: float = 0.2) -> np.ndarray:
    """Return a loss that falls from 1 and has long been at its end."""
    return np.maximum(end, np.linspace(1.0, -1.0, updates))


def scores_of(miou: float | None, iou: Mapping[str, float | None] | None = None) -> CellScores:
    """Return scores; every class has the mean where none is given."""
    return CellScores(
        miou=miou,
        iou=iou or dict.fromkeys(("background", *CLASSES), miou),
        tag_map=0.75,
        classes_averaged=4,
        images=7,
    )


def a_cell(
    method: str = "decouplednet",
    masks: int = 5,
    seed: int = 0,
    miou: float | None = 0.5,
    **changes: object,
) -> CellResult:
    """Return a cell with a score; ``changes`` are fields of it."""
    fields: dict[str, object] = {
        "method": method,
        "title": method.capitalize(),
        "uses_tags": method != "masks-only",
        "masks": masks,
        "seed": seed,
        "predicted_tags": scores_of(miou),
        "true_tags": None,
        "minutes": 2.5,
        "feature_minutes": 0.0,
        "parameters": 3_000_000,
        "trained_parameters": 1_250_000,
        "curves": (StageCurve.of("segmenter", falling(120)),),
        "budget": "3 minutes",
        "tuning": "nothing",
        "where": Where(device="cpu", threads=2, torch="2.13.0", precision="32-true"),
        "digests": Digests(scored="aa", masks="bb", tags="cc"),
    }
    return CellResult.model_validate({**fields, **changes})


def terms_of(data: Path, *changes: str, prefix: str = "strong_") -> Terms:
    """Return the terms of a data set with settings as given to ``--set``."""
    settings = Settings.read(None, ["preset=tiny", *changes])
    return set_terms(Catalogue.read(data), settings, prefix)


@dataclass(frozen=True, slots=True)
class Untrained:
    """A method that draws a network from the seed and writes a curve, but trains nothing.

    Args:
        name: of the method.
        fails_at: seeds at which it fails with a fault of the user's.
        uses_masks: whether its cells are those of numbers of masks.
        takes_tags: whether it is scored with true tags too.
    """

    name: str = "untrained"
    fails_at: tuple[int, ...] = ()
    uses_masks: bool = True
    takes_tags: bool = True

    @property
    def title(self) -> str:
        return f"{self.name}, not trained"

    @property
    def uses_tags(self) -> bool:
        return True

    @property
    def tuning(self) -> str:
        return "nothing"

    def settings(self, common: Settings) -> Settings:
        return common

    def train(self, plan: Plan, folder: RunFolder) -> Contender:
        if plan.settings.seed in self.fails_at:
            raise TrainingError("the loss\nbecame nan")
        torch.manual_seed(plan.settings.seed)
        network = tiny(len(plan.classes)).eval()
        segmenter = Segmenter(network, plan.classes, plan.frame, "tiny", {"others": "ignore"})
        rows = [f"pixels,0,{1 + n},{x},0.1,\n" for n, x in enumerate(falling(30))]
        header = "stage,epoch,update,loss,learning_rate,held_out_iou\n"
        folder.curves.write_text(header + "".join(rows))
        save_model(folder.model, segmenter)
        return Contender(
            predictor=segmenter.predictor(),
            parameters=11,
            trained_parameters=7,
            stages=("pixels",),
            budgeted=("segmenter",),
            takes_tags=self.takes_tags,
            has_tag_scores=self.takes_tags,
        )
