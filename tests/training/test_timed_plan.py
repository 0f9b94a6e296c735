"""Which preset a run with minutes gets, and what its plan says of it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from decouplednet.errors import SettingsError, TrainingError
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.presets import TINY_WIDTHS
from decouplednet.networks.vgg import VGG
from decouplednet.settings import Settings
from decouplednet.training import timed_plan
from decouplednet.training.classifier import share_missing, train_classifier
from decouplednet.training.plan import Plan, make_plan
from decouplednet.training.survey import Piece, Speed
from decouplednet.training.timed_plan import plan_within_minutes, presets_to_try
from tests.training.clock import FakeClock
from tests.training.conftest import quick, start

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


def _open(*changes: str) -> Settings:
    """Return the quick settings with the preset left open, and no weights to fetch."""
    settings = quick("classifier.weights=none", "classifier.trained_groups=2", *changes)
    values = settings.model_dump(exclude_unset=True)
    del values["preset"]
    return Settings(**values)


def test_a_given_preset_is_kept_and_else_the_device_decides() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [choice.value for choice in presets_to_try(Settings(), cpu)] == ["light"]
    assert [choice.value for choice in presets_to_try(Settings(), gpu)] == ["vgg16", "light"]
    for device in (cpu, gpu):
        given = presets_to_try(Settings(preset="tiny"), device)
        assert [choice.value for choice in given] == ["tiny"]


def _on_gpu(
    shapes: Path, monkeypatch: pytest.MonkeyPatch, speed: dict[str, Speed], *changes: str
) -> Plan:
    """Return the plan that a run on a GPU gets where its presets are as fast as said."""

    def tried(network: DecoupledNet, plan: Plan, clock: FakeClock) -> Speed:
        del network, clock
        if plan.preset.name not in speed:
            raise TrainingError("memory ran out")
        return speed[plan.preset.name]

    monkeypatch.setattr(timed_plan, "try_out", tried)
    monkeypatch.setattr(timed_plan, "start_network", lambda _: None)
    monkeypatch.setattr(timed_plan, "share_missing", lambda *_: lambda *_: 1.0)
    given = _open("minutes=5", *changes)
    plan = make_plan(shapes, given)
    plan = replace(plan, machine=replace(plan.machine, device=torch.device("cuda")))
    return plan_within_minutes(plan, given, FakeClock(), 100.0)


def test_a_gpu_trains_the_paper_s_network_where_it_can(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = _on_gpu(shapes, monkeypatch, {"vgg16": FAST, "light": FAST})
    assert plan.preset.name == plan.settings.preset == "vgg16"
    assert str(plan.choices[0]) == (
        "preset = vgg16: a GPU computes, and leaves it enough memory and time"
    )


@pytest.mark.parametrize("changes", [(), ("side=96",)], ids=["memory", "side"])
def test_a_gpu_that_is_too_small_for_it_trains_the_light_one(
    changes: tuple[str, ...], shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speed = {"light": FAST} if not changes else {"light": FAST, "vgg16": FAST}
    plan = _on_gpu(shapes, monkeypatch, speed, *changes)
    assert plan.preset.name == "light"
    assert str(plan.choices[0]) == ("preset = light: preset vgg16 would need more memory or time")


def test_a_gpu_that_is_too_slow_for_it_trains_the_light_one(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = replace(FAST, masks=Piece(0.0, 1.0))
    plan = _on_gpu(shapes, monkeypatch, {"vgg16": slow, "light": FAST})
    assert plan.preset.name == "light"


def test_a_processor_trains_the_light_one_and_the_plan_keeps_its_budget(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed_plan, "try_out", lambda *_: FAST)
    monkeypatch.setattr(timed_plan, "start_network", lambda _: None)
    monkeypatch.setattr(timed_plan, "share_missing", lambda *_: lambda *_: 1.0)
    given = _open("minutes=5")
    clock = FakeClock(112.0)
    plan = plan_within_minutes(make_plan(shapes, given), given, clock, 100.0)
    assert str(plan.choices[0]) == "preset = light: no GPU computes"
    assert plan.budget
    assert plan.budget.seconds["start"] == 12
    assert plan.settings == plan.budget.settings
    assert plan.side == plan.settings.side == 96
    assert plan.settings.classifier.updates == 5  # given
    brief = given.changed({"minutes": 0.3})
    plan = make_plan(shapes, brief)
    with pytest.raises(SettingsError, match=r"^minutes = 0\.3: .* give at least 0\.\d+ minutes"):
        plan_within_minutes(plan, brief, clock, 100.0)


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
