"""What a run chooses by itself, and what it keeps."""

import re
from pathlib import Path

import pytest

from decouplednet.errors import SettingsError
from decouplednet.networks.presets import preset_named
from decouplednet.settings import Settings
from decouplednet.training.choices import Choice, choose, mask_updates, tag_updates
from decouplednet.training.plan import make_plan
from tests.training.conftest import quick


def _chosen(settings: Settings, tagged: int = 700, masked: int = 40) -> Settings:
    return choose(settings, preset_named(settings.preset), tagged=tagged, masked=masked)[0]


def _reasons(settings: Settings, tagged: int = 700, masked: int = 40) -> dict[str, str]:
    preset = preset_named(settings.preset)
    _, choices = choose(settings, preset, tagged=tagged, masked=masked)
    return {choice.name: str(choice) for choice in choices}


def test_what_is_left_open_is_chosen_by_the_preset() -> None:
    chosen = _chosen(Settings())
    assert chosen.side == 160
    assert chosen.classifier.weights == "imagenet"
    assert chosen.classifier.trained_groups == 0
    assert chosen.segmenter.side == 160
    chosen = _chosen(Settings(preset="tiny"))
    assert chosen.side == 96
    assert chosen.classifier.weights == "none"
    assert chosen.classifier.trained_groups == 5


def test_what_is_said_is_kept() -> None:
    said = Settings.read(
        None,
        [
            *("side=224", "segmenter.side=192", "segmenter.updates=31", "classifier.updates=17"),
            *("classifier.weights=none", "classifier.trained_groups=2"),
        ],
    )
    assert _chosen(said) == said
    assert _reasons(said) == {}


def test_a_weights_file_is_named_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = _chosen(Settings.read(None, ["classifier.weights=w.safetensors"]))
    assert chosen.classifier.weights == str(tmp_path / "w.safetensors")
    assert chosen.classifier.trained_groups == 0


@pytest.mark.parametrize(
    ("tagged", "images", "updates"),
    [
        (2931, 64, 1350),  # 30 * 2931 / 64 = 1374
        (2931, 16, 5500),
        (60, 64, 400),  # at least
        (10**6, 64, 10_000),  # at most
    ],
)
def test_stage_1_sees_every_tagged_image_about_thirty_times(
    tagged: int, images: int, updates: int
) -> None:
    assert tag_updates(tagged, images) == updates
    settings = Settings(classifier={"images_per_update": images})
    assert _chosen(settings, tagged=tagged).classifier.updates == updates


@pytest.mark.parametrize(
    ("masked", "updates"),
    [(24, 400), (49, 500), (122, 650), (48, 500), (96, 600), (1, 200), (6, 200), (2931, 1100)],
)
def test_stage_2_makes_the_updates_of_the_recipes_and_more_where_masks_double(
    masked: int, updates: int
) -> None:
    assert mask_updates(masked, 8) == updates
    assert _chosen(Settings(), masked=masked).segmenter.updates == updates


def test_many_masks_are_each_seen_three_times() -> None:
    assert mask_updates(10_000, 8) == 3750
    assert mask_updates(10_000, 4) == 7500


@pytest.mark.parametrize(("tagged", "images"), [(5, 8), (31, 16), (63, 32), (64, 64), (900, 64)])
def test_an_update_has_no_more_images_than_there_are(tagged: int, images: int) -> None:
    assert _chosen(Settings(), tagged=tagged).classifier.images_per_update == images
    reasons = _reasons(Settings(), tagged=tagged)
    assert ("classifier.images_per_update" in reasons) == (images < 64)


@pytest.mark.parametrize(
    "change",
    ["classifier.images_per_update=64", "classifier.images_per_step=4", "compute.devices=2"],
)
def test_the_images_of_an_update_stay_where_something_depends_on_them(change: str) -> None:
    settings = Settings.read(None, [change])
    assert _chosen(settings, tagged=20).classifier.images_per_update == 64


def test_every_choice_has_its_reason() -> None:
    assert _reasons(Settings(), tagged=40, masked=24) == {
        "side": "side = 160: the usual one of preset light",
        "classifier.weights": "classifier.weights = imagenet: the usual start of preset light",
        "classifier.trained_groups": "classifier.trained_groups = 0: trained convolutions are "
        "computed once",
        "classifier.images_per_update": "classifier.images_per_update = 32: only 40 images with "
        "tags",
        "classifier.updates": "classifier.updates = 400: about 30 passes over 40 tagged images, at "
        "least 400 updates",
        "segmenter.side": "segmenter.side = 160: that of the frame",
        "segmenter.updates": "segmenter.updates = 400: for 24 masks: 400 for 24, 100 more each "
        "time they double",
    }
    skip = _reasons(Settings(preset="skip"))
    assert skip["classifier.pooling"].endswith("= top-k: the usual one of preset skip")
    assert skip["classifier.pooling_top_share"].endswith("= 0.25: the usual one of this pooling")
    scratch = _reasons(Settings(preset="tiny"))
    assert scratch["classifier.trained_groups"].endswith("= 5: all convolutions learn from scratch")


def test_a_number_of_the_preset_s_own_pooling_needs_no_pooling_beside_it() -> None:
    settings = Settings.read(None, ["preset=skip", "classifier.pooling_top_share=0.5"])
    chosen = _chosen(settings).classifier
    assert (chosen.pooling, chosen.pooling_top_share) == ("top-k", 0.5)
    assert "classifier.pooling_top_share" not in _reasons(settings)


@pytest.mark.parametrize(
    ("preset", "number", "pooling", "usual"),
    [
        ("light", "pooling_top_share", "top-k", "max"),
        ("tiny", "pooling_sharpness", "log-sum-exp", "max"),
        ("skip", "pooling_sharpness", "log-sum-exp", "top-k"),
    ],
)
def test_a_number_that_the_preset_s_pooling_does_not_take_is_refused(
    preset: str, number: str, pooling: str, usual: str
) -> None:
    settings = Settings.read(None, [f"preset={preset}", f"classifier.{number}=0.5"])
    message = (
        rf'^classifier\.{number} goes with classifier\.pooling = "{pooling}", and only with it; '
        rf'that of preset {preset} is "{usual}"$'
    )
    with pytest.raises(SettingsError, match=message):
        _chosen(settings)


def test_a_plan_keeps_its_choices(shapes: Path) -> None:
    plan = make_plan(shapes, quick())
    assert plan.choices[0] == Choice("side", 96, "the usual one of preset tiny")
    assert {choice.name for choice in plan.choices} == {
        "side",
        "classifier.weights",
        "classifier.trained_groups",
        "segmenter.side",
    }


@pytest.mark.parametrize(
    ("preset", "all_masked", "given", "dropout"),
    [
        ("skip", False, (), 0.5),
        ("skip", True, (), None),
        ("fast", False, (), 0.5),
        ("tiny-skip", False, ("segmenter.saliency_dropout=0.2",), 0.2),
        ("light", False, (), None),
    ],
)
def test_f_cls_is_dropped_where_a_class_has_no_masks_and_the_bridge_sees_evidence(
    preset: str, all_masked: bool, given: tuple[str, ...], dropout: float | None
) -> None:
    settings = Settings.read(None, [f"preset={preset}", *given])

    chosen, choices = choose(
        settings, preset_named(preset), tagged=700, masked=40, all_masked=all_masked
    )

    assert chosen.segmenter.saliency_dropout == dropout
    said = [str(choice) for choice in choices if "dropout" in choice.name]
    expected = (
        "segmenter.saliency_dropout = 0.5: a class without masks is found by class evidence alone"
    )
    assert said == ([expected] if dropout == 0.5 else [])


def test_dropping_all_that_a_bridge_sees_of_a_class_is_refused() -> None:
    settings = Settings.read(None, ["preset=light", "segmenter.saliency_dropout=0.3"])

    message = (
        "segmenter.saliency_dropout = 0.3: without f_cls the bridge of preset light knows nothing "
        "of a class; leave it out, or choose preset skip, fast, tiny-skip or modern"
    )
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        _chosen(settings)


def test_statistics_of_samples_with_f_cls_alone_are_refused() -> None:
    changes = ["preset=skip", "segmenter.saliency_dropout=0.3", "segmenter.statistics_batches=4"]

    message = (
        "segmenter.saliency_dropout = 0.3 and segmenter.statistics_batches = 4: the statistics "
        "would be those of samples with f_cls alone; set one of them to 0"
    )
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        _chosen(Settings.read(None, changes))
    settings = Settings.read(None, ["preset=skip", "segmenter.statistics_batches=4"])
    preset = preset_named("skip")
    chosen, _ = choose(settings, preset, tagged=700, masked=40, all_masked=False)
    assert chosen.segmenter.saliency_dropout is None
