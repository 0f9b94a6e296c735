"""Which preset and stages a run with minutes gets, and what its plan says of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from decouplednet.errors import SettingsError, TrainingError
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.presets import TINY_WIDTHS
from decouplednet.networks.vgg import VGG
from decouplednet.settings import Settings
from decouplednet.training import timed_plan
from decouplednet.training.classifier import share_missing, train_classifier
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.survey import Piece, Speed
from decouplednet.training.timed_plan import plan_within_minutes, presets_to_try, ways_to_train
from tests.training.clock import FakeClock
from tests.training.conftest import copy_of, preset_left_open, start

FAST = Speed(
    side=224,
    window_side=224,
    view=Piece(0.001, 0.001),
    tags=Piece(0.0, 0.0001),
    masks=Piece(0.001, 0.001),
    prediction=Piece(0.001, 0.01),
    label=Piece(0.001, 0.005),
    saving=1.0,
)


SLOW = replace(FAST, masks=Piece(0.05, 0.0))  # too slow for stage 3 in five minutes
STAGE_3 = "self_training.enabled"


def _chosen(given: Settings, *, against: str | None = None) -> list[dict[str, object]]:
    """Return what each way to train chooses, preset by preset, the best one first."""
    return [
        {choice.name: choice.value for choice in way}
        for preset in presets_to_try(given)
        for way in ways_to_train(given, preset, against=against)
    ]


def test_what_scored_best_is_tried_first_and_then_the_same_without_stage_3() -> None:
    predicted = {
        "prediction.veto": "soft",
        "prediction.flip": True,
        "prediction.threshold": 0.2,
    }
    with_it, without, light = _chosen(Settings())
    assert with_it == {"preset": "skip", STAGE_3: True, **predicted}
    assert without == {"preset": "skip", STAGE_3: False, **predicted}
    assert light == {"preset": "light"}
    assert _chosen(Settings(), against="no masks") == [without, light]


def test_it_predicts_as_the_recipe_that_scored_best() -> None:
    best = Settings.read(Path(__file__).parents[2] / "recipes" / "cpu-2h.toml")
    prediction = best.prediction
    assert (best.preset, best.self_training.enabled) == (timed_plan.BEST, True)
    assert (prediction.veto, prediction.flip, prediction.threshold) == (
        *(timed_plan.VETO, timed_plan.FLIP),
        timed_plan.THRESHOLD,
    )


def test_a_given_preset_is_the_only_one() -> None:
    for preset in ("tiny", "light", "vgg16"):
        assert _chosen(Settings(preset=preset)) == [{}]
    assert [one[STAGE_3] for one in _chosen(Settings(preset="skip"))] == [True, False]
    assert all("preset" not in one for one in _chosen(Settings(preset="skip")))


@pytest.mark.parametrize("enabled", [True, False])
def test_a_given_stage_3_is_the_only_way(enabled: bool) -> None:
    skip, light = _chosen(Settings(self_training={"enabled": enabled}))
    assert STAGE_3 not in skip
    assert (skip["preset"], light) == ("skip", {"preset": "light"})


@pytest.mark.parametrize(
    ("prediction", "chosen"),
    [
        ({"flip": False}, {"veto", "threshold"}),
        ({"veto": "soft"}, {"flip", "threshold"}),
        ({"veto": "hard"}, {"flip"}),  # with which no threshold was measured
        ({"threshold": 0.5}, {"veto", "flip"}),
        ({"threshold_choice": "calibrated"}, {"veto", "flip"}),
    ],
)
def test_what_is_given_of_the_prediction_is_kept(
    prediction: dict[str, object], chosen: set[str]
) -> None:
    for way in _chosen(Settings(prediction=prediction))[:2]:
        assert {name for name in way if name.startswith("prediction.")} == {
            f"prediction.{name}" for name in chosen
        }


def _planned(
    shapes: Path, monkeypatch: pytest.MonkeyPatch, speed: dict[str, Speed], *changes: str
) -> tuple[Plan, list[str]]:
    """Return the plan of a run whose presets are as fast as said, and which ones were tried."""
    tried: list[str] = []

    def try_out(network: DecoupledNet, plan: Plan, clock: FakeClock) -> Speed:
        del network, clock
        tried.append(plan.preset.name)
        if plan.preset.name not in speed:
            raise TrainingError("memory ran out")
        return speed[plan.preset.name]

    monkeypatch.setattr(timed_plan, "try_out", try_out)
    monkeypatch.setattr(timed_plan, "start_network", lambda _: None)
    monkeypatch.setattr(timed_plan, "share_missing", lambda *_: lambda *_: 1.0)
    given = preset_left_open("classifier.trained_groups=2", "minutes=5", *changes)
    return plan_within_minutes(make_plan(shapes, given), given, FakeClock(112.0), 100.0), tried


def _table(plan: Plan) -> list[str]:
    """Return the choices that come before those of sizes."""
    names = ("preset", STAGE_3, "prediction.")
    return [str(choice) for choice in plan.choices if choice.name.startswith(names)]


PREDICTED = [
    f"prediction.{value}: preset skip scored best with it"
    for value in ("veto = soft", "flip = true", "threshold = 0.2")
]


def test_a_run_with_time_has_three_stages_and_the_plan_keeps_its_budget(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, tried = _planned(shapes, monkeypatch, {"skip": FAST})
    assert tried == ["skip"]
    assert plan.preset.name == plan.settings.preset == "skip"
    assert plan.settings.self_training.enabled
    assert (plan.settings.prediction.veto, plan.settings.prediction.flip) == ("soft", True)
    assert plan.settings.prediction.threshold == 0.2
    assert _table(plan) == [
        "preset = skip: scored best on photographs",
        "self_training.enabled = true: the time allows stage 3",
        *PREDICTED,
    ]
    assert plan.budget
    assert set(plan.budget.updates) == {"classifier", "segmenter", "student"}
    assert plan.budget.seconds["start"] == 12
    assert plan.settings == plan.budget.settings
    assert plan.side == plan.settings.side == 80
    assert plan.settings.classifier.updates == 5  # given


def test_a_run_too_short_for_stage_3_has_two_and_tries_its_preset_once(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, tried = _planned(shapes, monkeypatch, {"skip": SLOW})
    assert tried == ["skip"]
    assert not plan.settings.self_training.enabled
    assert _table(plan) == [
        "preset = skip: scored best on photographs",
        "self_training.enabled = false: the time is too short for stage 3",
        *PREDICTED,
    ]


@pytest.mark.parametrize(
    "lacking",
    ["data.tags_split=strong", "data.masks_split=one"],
    ids=["every tagged image has a mask", "one mask"],
)
def test_where_stage_3_has_nothing_to_work_with_there_are_two(
    lacking: str, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = copy_of(shapes, tmp_path / "shapes")
    (shapes / "splits" / "one.txt").write_text("picture_00\n")
    plan, _ = _planned(shapes, monkeypatch, {"skip": FAST}, lacking)
    assert not plan.settings.self_training.enabled
    assert (
        "self_training.enabled = false: there are too few masks, or tagged images without one, for "
        "stage 3"
    ) in _table(plan)


def test_where_a_class_has_no_masks_stage_3_is_not_chosen_and_kept_where_it_is_given(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = "data.masks_classes=bar"
    plan, _ = _planned(shapes, monkeypatch, {"skip": FAST}, some)
    assert not plan.settings.self_training.enabled
    told = "self_training.enabled = false: stage 3 may lose what has no masks: disc, frame"
    assert told in _table(plan)
    dropped = [str(choice) for choice in plan.choices if "saliency" in choice.name]
    assert dropped == [
        "segmenter.saliency_dropout = 0.5: a class without masks is found by class evidence alone"
    ]
    given, _ = _planned(shapes, monkeypatch, {"skip": FAST}, some, "self_training.enabled=true")
    assert given.settings.self_training.enabled
    assert not [choice for choice in _table(given) if choice.startswith(STAGE_3)]
    every, _ = _planned(shapes, monkeypatch, {"skip": FAST}, "data.masks_classes=disc,bar,frame")
    assert every.settings.self_training.enabled


@pytest.mark.parametrize(
    "speed",
    [{"light": FAST}, {"light": FAST, "skip": replace(FAST, masks=Piece(0.0, 9.0))}],
    ids=["memory", "time"],
)
def test_where_the_best_preset_needs_too_much_the_light_one_is_trained(
    speed: dict[str, Speed], shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, tried = _planned(shapes, monkeypatch, speed)
    assert tried == ["skip", "light"]
    assert plan.preset.name == "light"
    assert _table(plan) == ["preset = light: preset skip would need more memory or time"]
    assert plan.settings.prediction.veto == "hard"


def test_too_few_minutes_are_refused(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speed = {"light": FAST, "skip": FAST}
    with pytest.raises(SettingsError, match=r"^minutes = 0\.3: .* give at least 0\.\d+ minutes"):
        _planned(shapes, monkeypatch, speed, "minutes=0.3")


def test_features_are_looked_up_in_the_cache(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECOUPLEDNET_CACHE", str(tmp_path / "cache"))
    frozen = ("classifier.trained_groups=0", "side=64", "classifier.views=2")
    network, plan, folder = start(shapes, tmp_path / "run", *frozen)
    missing = share_missing(network, plan)
    assert missing(64, 2) == 1.0
    train_classifier(network, plan, folder)
    assert missing(64, 2) == 0.0
    assert missing(64, 1) == missing(96, 2) == 1.0
    encoder = network.classifier.encoder
    finer = VGG(TINY_WIDTHS, batch_norm=True, stride=16)
    finer.load_state_dict(encoder.state_dict())
    network.classifier.encoder = finer
    assert share_missing(network, plan)(64, 2) == 1.0, "equal weights, another grid"
    network.classifier.encoder = encoder
    entries = sorted((tmp_path / "cache").rglob("*.npy"))
    entries[3].unlink()
    assert missing(64, 2) == pytest.approx(1 / len(plan.roles.tags))
    network, plan, _ = start(shapes, tmp_path / "other", *frozen, "compute.cache_gigabytes=0")
    assert share_missing(network, plan)(64, 2) == 1.0
