"""Runs of preset modern: what is trained, recorded, and refused."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch

from decouplednet.errors import ModelError, SettingsError
from decouplednet.evaluation.evaluate import evaluate
from decouplednet.inference.model_folder import load_model
from decouplednet.settings import Settings
from decouplednet.training.announcement import describe
from decouplednet.training.budget import SECTIONS
from decouplednet.training.choices import check_groups, choose, with_absolute_paths
from decouplednet.training.plan import make_plan
from decouplednet.training.run import Run, train
from decouplednet.training.start import start_network
from decouplednet.training.within_minutes import fit_to_minutes
from tests.training.backbones import write_backbone
from tests.training.conftest import changed_parts, quick, same, weights_of
from tests.training.test_budget import SURVEY

IMAGE = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
SIDES = {"swin": 96, "dinov2": 70}
TWO = ("classifier.updates=2", "segmenter.updates=2", "self_training.updates=2")


def modern(folder: Path, *changes: str) -> Settings:
    return quick("preset=modern", f"backbone={folder}", *TWO, *changes)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("backbones")
    return {family: write_backbone(place / family, family) for family in SIDES}


@pytest.fixture(scope="module")
def runs(
    shapes: Path, folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Run]:
    """Return a run of two updates a stage for each family, its backbone frozen in stage 1."""
    place = tmp_path_factory.mktemp("runs")
    return {
        family: train(shapes, out=place / family, settings=modern(folders[family], f"side={side}"))
        for family, side in SIDES.items()
    }


@pytest.mark.parametrize("family", SIDES)
def test_a_run_trains_head_bridge_and_decoder_and_scores_them(
    family: str, shapes: Path, folders: dict[str, Path], runs: dict[str, Run]
) -> None:
    run = runs[family]
    plan = make_plan(shapes, modern(folders[family], f"side={SIDES[family]}"))
    before = start_network(plan).state_dict()

    changed = changed_parts(before, run.segmenter.network.state_dict())

    assert run.metrics["true_tags"]["images"] == 2
    assert not any(key.startswith("classifier.encoder.") for key in changed)
    for part in ("classifier.head.fc6.weight", "bridge.layers.0.0.weight", "decoder.score.weight"):
        assert part in changed
    assert plan.pretrained is not None
    for key, tensor in plan.pretrained.items():
        assert torch.equal(before[f"classifier.encoder.backbone.{key}"], tensor)


@pytest.mark.parametrize("family", SIDES)
def test_the_model_is_loaded_offline_and_predicts_the_same(
    family: str, runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch, shapes: Path
) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise AssertionError("something looked for the network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    run = runs[family]

    loaded = load_model(run.folder)

    assert same(loaded.network.state_dict(), run.segmenter.network.state_dict())
    one, other = (model.predict(IMAGE, {"disc", "bar"}) for model in (run.segmenter, loaded))
    for name, values in one.class_maps.items():
        np.testing.assert_allclose(values, other.class_maps[name], atol=1e-6)
    assert one.scores == pytest.approx(other.scores, abs=1e-6)
    scored = evaluate(loaded, shapes, split="val", tags=True)
    assert scored.miou == pytest.approx(run.metrics["true_tags"]["miou"], abs=1e-6)


def test_a_run_records_backbone_weights_and_version(
    runs: dict[str, Run], folders: dict[str, Path]
) -> None:
    run = runs["dinov2"]
    description = json.loads((run.folder / "model/model.json").read_text())
    settings = Settings.read(run.folder / "settings.toml")

    assert description["preset"] == "modern"
    assert description["backbone"]["model_type"] == "dinov2"
    assert description["training"]["backbone"] == "dinov2"
    assert description["training"]["weights"] == "backbone"
    assert "transformers" in description["training"]["versions"]
    assert str(folders["dinov2"].parent) not in json.dumps(description)
    assert settings.backbone == str(folders["dinov2"])
    assert settings.classifier.trained_groups == 0


def test_a_folder_with_its_config_alone_trains_from_scratch_and_a_run_repeats_itself(
    shapes: Path, tmp_path: Path
) -> None:
    folder = write_backbone(tmp_path / "bare", "resnet", weights=False)
    settings = modern(folder, "side=96", "classifier.weights=none")
    plan = make_plan(shapes, settings)

    assert plan.pretrained is None
    assert plan.settings.classifier.trained_groups == 1
    for out in ("one", "two"):
        train(shapes, out=tmp_path / out, settings=settings)
    trained = weights_of(tmp_path / "one")
    assert same(trained, weights_of(tmp_path / "two"))
    moved = changed_parts(
        {k: v for k, v in start_network(plan).state_dict().items() if k in trained}, trained
    )
    assert "classifier.encoder.backbone.embedder.embedder.convolution.weight" in moved

    with pytest.raises(ModelError, match=r"bare: its weights cannot be read: .*weights=none$"):
        make_plan(shapes, modern(folder, "side=96"))


@pytest.mark.parametrize(("groups", "learns"), [(1, True), (0, False)])
def test_stage_3_trains_the_backbone_as_a_whole_or_not_at_all(
    groups: int, learns: bool, shapes: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    settings = modern(
        folders["dinov2"],
        "side=70",
        "self_training.enabled=true",
        "self_training.right=0",
        f"self_training.trained_groups={groups}",
    )
    plan = make_plan(shapes, settings)

    trained = train(shapes, out=tmp_path / "run", settings=settings).segmenter.network

    changed = changed_parts(start_network(plan).state_dict(), trained.state_dict())
    assert any(key.startswith("classifier.encoder.") for key in changed) is learns


def test_stage_3_lets_the_backbone_learn_where_nothing_is_said(
    shapes: Path, folders: dict[str, Path]
) -> None:
    plan = make_plan(shapes, modern(folders["swin"], "side=96", "self_training.enabled=true"))

    assert plan.settings.self_training.trained_groups == 1
    assert "self_training.trained_groups = 1: a backbone learns as a whole" in map(
        str, plan.choices
    )
    without = make_plan(shapes, modern(folders["swin"], "side=96"))
    assert not any("self_training" in choice.name for choice in without.choices)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("classifier.trained_groups=2", "classifier.trained_groups = 2"),
        ("self_training.trained_groups=3", "self_training.trained_groups = 3"),
    ],
)
def test_more_than_one_group_is_refused(
    change: str, name: str, shapes: Path, folders: dict[str, Path]
) -> None:
    with pytest.raises(
        SettingsError,
        match=rf"^{name}: the backbone of preset modern is one group; expected 1, it learns as a "
        "whole, or 0, it does not$",
    ):
        make_plan(shapes, modern(folders["swin"], "side=96", "self_training.enabled=true", change))


def test_groups_of_a_stage_that_does_not_run_are_not_looked_at(
    shapes: Path, folders: dict[str, Path]
) -> None:
    plan = make_plan(shapes, modern(folders["swin"], "side=96"))
    other = plan.settings.changed({"self_training.trained_groups": 5})

    check_groups(other, plan.preset)


def test_sides_are_multiples_of_the_stride_of_the_backbone(
    shapes: Path, folders: dict[str, Path]
) -> None:
    usual = make_plan(shapes, modern(folders["dinov2"]))
    assert (usual.side, usual.preset.stride) == (224, 14)
    own = make_plan(shapes, modern(folders["dinov2"], "side=98", "segmenter.side=56"))
    assert (own.side, own.window_side) == (98, 56)
    for name in ("side", "segmenter.side", "self_training.side"):
        message = rf"^{name} = 64: a side of preset modern must be a multiple of 14 and at least 42"
        with pytest.raises(SettingsError, match=message):
            make_plan(shapes, modern(folders["dinov2"], f"{name}=64"))


def test_views_at_other_scales_are_multiples_of_the_stride_too(runs: dict[str, Run]) -> None:
    segmenter = runs["dinov2"].segmenter
    procedure = segmenter.procedure.model_copy(update={"scales": (1.0, 1.5), "flip": True})
    predictor = segmenter.predictor()
    seen: list[int] = []
    network = segmenter.network.get_submodule("classifier.encoder")
    hook = network.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[2]))

    type(predictor)(
        network=segmenter.network,
        classes=segmenter.classes,
        frame=segmenter.frame,
        device=segmenter.device,
        procedure=procedure,
    ).predict([IMAGE])
    hook.remove()

    assert seen == [70, 70, 112, 112]  # 1.5 times 70 is 105, which lies between 98 and 112


def test_images_are_prepared_as_the_folder_says(shapes: Path, tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "own", "swin")
    (folder / "preprocessor_config.json").write_text(
        '{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.5, 0.5]}'
    )
    for weights in ("backbone", "none"):
        plan = make_plan(shapes, modern(folder, "side=96", f"classifier.weights={weights}"))
        assert plan.frame.mean == (127.5, 127.5, 127.5)
        assert plan.frame.deviation == (63.75, 127.5, 127.5)


def test_a_folder_is_recorded_absolutely_and_a_name_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_backbone(tmp_path / "here", "swin", weights=False)
    monkeypatch.chdir(tmp_path)

    for given, recorded in (("here", str(tmp_path / "here")), ("some/name", "some/name")):
        settings = with_absolute_paths(
            Settings(preset="modern", backbone=given, classifier={"weights": "backbone"})
        )
        assert settings.backbone == recorded
        assert settings.classifier.weights == "backbone"


def test_what_will_run_is_told_beforehand(shapes: Path, folders: dict[str, Path]) -> None:
    plan = make_plan(shapes, modern(folders["dinov2"], "side=70"))

    rows = dict(describe(plan, 1e9))

    assert rows["preset"] == "modern, side 70 pixels"
    assert rows["convolutions"] == "start from backbone; 0 of 1 groups learn in stage 1"
    assert plan.cost.groups[0] > 0
    assert plan.cost.group_sizes[0].given == 12 * 5 * 5
    assert len(plan.cost.groups) == len(plan.cost.group_sizes) == 1


def test_a_run_within_minutes_has_sides_that_fit_the_backbone(
    shapes: Path, folders: dict[str, Path]
) -> None:
    plan = make_plan(shapes, modern(folders["dinov2"]))
    given = Settings(preset="modern", backbone=str(folders["dinov2"]), minutes=1000)
    budget = fit_to_minutes(given, replace(SURVEY, preset=plan.preset))

    sides = budget.settings.side, budget.settings.segmenter.side
    assert sides == (490, 308)  # the largest multiple of 14 in 500 pixels, and about 5/8 of it
    assert set(budget.updates) < set(SECTIONS)
    chosen, _ = choose(given, plan.preset, tagged=100, masked=10)
    assert chosen.classifier.weights == "backbone"
