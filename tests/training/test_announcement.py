"""The table that says what will run."""

import re
from pathlib import Path

from safetensors.torch import save_file

from decouplednet.networks.vgg import VGG
from decouplednet.training.announcement import describe
from decouplednet.training.estimate import duration
from decouplednet.training.expectation import expected_seconds
from decouplednet.training.plan import make_plan
from tests.training.conftest import quick


def test_the_table_says_what_will_run(shapes: Path) -> None:
    plan = make_plan(shapes, quick("classifier.largest_class_weight=3"))
    rows = dict(describe(plan, 1e12))
    assert rows["tags"] == "10 images (tags)"
    assert rows["masks"] == "6 images (strong)"
    assert rows["only scored"] == "2 images (val)"
    assert rows["classes"] == "3: disc, bar, frame; others: ignore"
    assert rows["convolutions"] == "start from none; 5 of 5 groups learn in stage 1"
    assert "tags of rare classes count up to 3 times" in rows["stage 1, tags"]
    assert rows["stage 1, tags"].endswith("; scores pooled by the maximum")
    assert rows["stage 2, masks"] == "3 updates of 4 windows of 96 pixels"
    assert re.fullmatch(
        r"about 0 s \+ 0 s beside start and scoring; \d\.\d GB of memory", rows["expected"]
    )
    assert "caution" not in rows


def test_the_table_counts_one_and_names_the_file_of_weights_alone(
    shapes: Path, tmp_path: Path
) -> None:
    file = tmp_path / "vgg.safetensors"
    save_file(VGG().state_dict(), file, {"input": "BGR, 0-255, minus (1, 2, 3), no scaling"})
    changes = (
        *(
            "preset=light",
            f"classifier.weights={file}",
            "side=96",
            "classifier.images_per_update=1",
        ),
        *("segmenter.images_per_update=1", "segmenter.updates=1", "segmenter.side=128"),
    )
    rows = dict(describe(make_plan(shapes, quick(*changes)), 1e12))
    assert rows["convolutions"].startswith("start from vgg.safetensors; 0 of 5 groups learn")
    assert rows["stage 1, tags"].startswith("5 updates of 1 image;")
    assert rows["stage 2, masks"] == "1 update of 1 window of 128 pixels"
    assert "beside start and scoring, less where features lie in the cache" in rows["expected"]


def test_the_table_says_what_stage_3_will_do_and_how_long_it_takes(shapes: Path) -> None:
    changes = ("self_training.enabled=true", "self_training.trained_groups=2")
    plan = make_plan(shapes, quick(*changes, "self_training.updates=30", "self_training.side=64"))
    rows = dict(describe(plan, 1e6))
    seconds = [duration(each) for each in expected_seconds(plan, 1e6)]

    assert rows["stage 3, pseudo-masks"] == (
        "30 updates of 8 windows of 64 pixels; 2 of 5 groups of convolutions learn; "
        "4 images labelled"
    )
    assert len(seconds) == 3
    assert rows["expected"].startswith(f"about {' + '.join(seconds)} beside start and scoring")
    timed = make_plan(shapes, quick(*changes, "self_training.minutes=2"))
    told = dict(describe(timed, 1e6))["stage 3, pseudo-masks"]
    assert told.startswith("updates for 2 min of 8 windows of 96 pixels; ")
    assert "stage 3, pseudo-masks" not in dict(describe(make_plan(shapes, quick()), 1e6))


def test_the_table_says_how_scores_are_pooled(shapes: Path) -> None:
    plan = make_plan(shapes, quick("classifier.pooling=top-k"))
    rows = dict(describe(plan, 1e12))
    assert rows["stage 1, tags"].endswith(
        "; scores pooled by the mean of the highest 25% of the positions"
    )


def test_the_table_warns_when_scored_images_also_train(shapes: Path) -> None:
    plan = make_plan(shapes, quick("data.validation_split=strong"))
    rows = dict(describe(plan, 1e9))
    assert rows["caution"] == "scored and trained on: 6 images; the score will flatter"


def test_the_table_warns_of_stage_3_where_classes_have_no_masks(shapes: Path) -> None:
    third, some = "self_training.enabled=true", "data.masks_classes=bar"
    rows = dict(describe(make_plan(shapes, quick(third, some)), 1e9))
    assert rows["caution"] == (
        "stage 3 may lose what has no masks: disc, frame; self_training.enabled=false leaves it out"
    )
    for changes in ([third], [some], [third, "data.masks_classes=disc,bar,frame"]):
        assert "caution" not in dict(describe(make_plan(shapes, quick(*changes)), 1e9))


def test_the_table_says_what_calibrates_what_has_no_mask_and_how_will_be_predicted(
    shapes: Path,
) -> None:
    plain = dict(describe(make_plan(shapes, quick()), 1e9))
    assert plain["prediction"] == "classes above 0.5, hard veto"
    assert {"only calibrate", "no mask learnt"}.isdisjoint(plain)
    changes = (
        *("data.masks_classes=bar", "data.calibration_share=0.5", "prediction.veto=soft"),
        *("prediction.threshold_choice=calibrated", "prediction.scales=[1.0, 0.5]"),
        *("prediction.flip=true", "prediction.refinement=guided"),
    )
    rows = dict(describe(make_plan(shapes, quick(*changes)), 1e9))
    assert rows["only calibrate"] == "2 images"
    assert rows["no mask learnt"] == "disc, frame"
    assert rows["prediction"] == (
        "classes above thresholds of their own, soft veto, in 2 sizes (1, 0.5), mirrored too, "
        "guided refinement"
    )
