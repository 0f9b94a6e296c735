"""The table that is shown before a run."""

from pathlib import Path

from decouplednet.training.announcement import describe
from decouplednet.training.plan import make_plan
from tests.training.conftest import quick


def test_the_table_says_what_will_run(shapes: Path) -> None:
    plan = make_plan(shapes, quick("classifier.largest_class_weight=3"))
    rows = dict(describe(plan, 1e9, 4))
    assert rows["tags"] == "10 images (tags)"
    assert rows["masks"] == "6 images (strong)"
    assert rows["only scored"] == "2 images (val)"
    assert rows["classes"] == "3: disc, bar, frame; others: ignore"
    assert rows["convolutions"] == "start from none; 5 of 5 groups learn in stage 1"
    assert "tags of rare classes count up to 3 times" in rows["stage 1, tags"]
    assert rows["stage 2, masks"] == "3 updates of 4 windows of 96 pixels"
    assert "GB of memory" in rows["expected"]
    assert "caution" not in rows


def test_the_table_warns_when_scored_images_also_train(shapes: Path) -> None:
    plan = make_plan(shapes, quick("data.validation_split=strong"))
    rows = dict(describe(plan, 1e9, 4))
    assert rows["caution"] == "6 scored images also train: the score will flatter"
