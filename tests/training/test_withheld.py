"""Classes without masks: what stage 2 learns nothing of is not shown to it later either."""

from pathlib import Path
from typing import Any

import pytest
import torch

from decouplednet.inference.model_folder import load_model
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.settings import Settings
from decouplednet.training.plan import make_plan
from decouplednet.training.pseudo_masks import teacher, withheld
from decouplednet.training.run import resumed_settings, train
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.start import start_network
from tests.training.conftest import STUDY, quick

WITHOUT_FRAME = ("preset=tiny-skip", "data.masks_classes=disc,bar")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (WITHOUT_FRAME, (False, False, True)),
        ((*WITHOUT_FRAME, "segmenter.saliency_dropout=0"), None),
        (("preset=tiny-skip",), None),
        (("preset=tiny-skip", "segmenter.saliency_dropout=0.3"), None),
        (("data.masks_classes=disc,bar",), None),
    ],
)
def test_f_cls_of_classes_without_masks_is_withheld_where_it_was_dropped(
    shapes: Path, changes: tuple[str, ...], expected: tuple[bool, ...] | None
) -> None:
    assert withheld(make_plan(shapes, quick(*changes))) == expected


def test_the_teacher_sees_no_f_cls_that_it_did_not_learn(shapes: Path) -> None:
    plan = make_plan(shapes, quick(*WITHOUT_FRAME))
    network: DecoupledNet = start_network(plan)

    assert teacher(network, plan).procedure.withheld == (False, False, True)


def test_all_stages_and_the_model_withhold_it(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[torch.Tensor | None] = []
    activate = DecoupledNet.activation

    def seen(network: DecoupledNet, *given: Any) -> torch.Tensor:
        if network.bridge.training:  # type: ignore[attr-defined]  # a module
            shown.append(given[4])
        return activate(network, *given)

    monkeypatch.setattr(DecoupledNet, "activation", seen)
    settings = quick(*WITHOUT_FRAME, *STUDY, "self_training.updates=2")
    run = train(shapes, out=tmp_path / "run", settings=settings)

    model = load_model(run.folder)
    assert model.procedure.withheld == (False, False, True)
    assert model.training["classes_without_masks"] == ["frame"]
    *_, last = shown
    assert last is not None
    assert last.tolist() == [[True, True, False]] * 4


def test_a_run_that_an_earlier_version_began_goes_on_without_it(
    shapes: Path, tmp_path: Path
) -> None:
    run = train(shapes, out=tmp_path / "run", settings=quick(*WITHOUT_FRAME))
    folder = RunFolder(run.folder)
    assert resumed_without(folder).segmenter.saliency_dropout == 0.5
    text = folder.settings.read_text()
    folder.settings.write_text(text.replace("saliency_dropout = 0.5\n", ""))

    assert resumed_without(folder).segmenter.saliency_dropout == 0.0


def resumed_without(folder: RunFolder) -> Settings:
    """Return the settings that a run is resumed with, its scores being gone."""
    folder.metrics.unlink(missing_ok=True)
    return resumed_settings(folder, None)


def test_all_classes_in_another_order_lack_no_masks(shapes: Path) -> None:
    plan = make_plan(shapes, quick("preset=tiny-skip", "data.masks_classes=frame,bar,disc"))

    assert plan.classes_without_masks == ()
    assert plan.settings.segmenter.saliency_dropout is None
