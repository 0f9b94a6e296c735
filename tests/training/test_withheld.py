"""Classes without masks: what stage 2 learns nothing of is not shown to it later either."""

from pathlib import Path

import pytest

from decouplednet.inference.model_folder import load_model
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.training.plan import make_plan
from decouplednet.training.pseudo_masks import teacher, withheld
from decouplednet.training.run import train
from decouplednet.training.start import start_network
from tests.training.conftest import quick

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
    assert teacher(network, plan, learnt=True).procedure.withheld is None


def test_a_model_of_two_stages_withholds_it_and_one_of_three_does_not(
    shapes: Path, tmp_path: Path
) -> None:
    two = train(shapes, out=tmp_path / "two", settings=quick(*WITHOUT_FRAME))
    third = ("self_training.enabled=true", "self_training.updates=2", "self_training.images=2")
    train(shapes, out=tmp_path / "three", settings=quick(*WITHOUT_FRAME, *third))

    assert load_model(two.folder).procedure.withheld == (False, False, True)
    assert load_model(two.folder).training["classes_without_masks"] == ["frame"]
    assert load_model(tmp_path / "three").procedure.withheld is None
