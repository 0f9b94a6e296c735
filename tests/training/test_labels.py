"""How many images stage 3 labels, by worked examples."""

from dataclasses import replace
from pathlib import Path

import pytest

from decouplednet.errors import TrainingError
from decouplednet.networks.presets import preset_named
from decouplednet.settings import Settings
from decouplednet.stage_settings import SelfTrainingSettings
from decouplednet.training import self_training
from decouplednet.training.announcement import describe
from decouplednet.training.budget import after_training
from decouplednet.training.choices import choose
from decouplednet.training.expectation import expected_seconds, student_bytes
from decouplednet.training.fit import Effort
from decouplednet.training.labels import drawn_by_updates, drawn_in_time
from decouplednet.training.plan import make_plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.self_training import images_to_label, number_of_labels, train_student
from decouplednet.training.timetable import UNTIMED
from decouplednet.training.within_minutes import fit_to_minutes
from tests.training.conftest import STUDY, quick, start, start_boldly
from tests.training.test_budget import NUMBERS, SURVEY, budget_of

MANY = replace(SURVEY, numbers=replace(NUMBERS, tagged=50_000), missing=lambda *_: 0.0)
IN_THREE = {"self_training__enabled": True, "minutes": 20, "side": 160}


def _images(tagged: int, **values: object) -> int | None:
    settings = Settings().changed({f"self_training.{name}": each for name, each in values.items()})
    preset = preset_named(settings.preset)
    chosen, choices = choose(settings, preset, tagged=tagged, masked=40)
    told = {str(choice) for choice in choices if choice.name == "self_training.images"}
    images = chosen.self_training.images
    if told:
        assert told == {f"self_training.images = {images}: about one window is drawn from each"}
    return images


def test_no_more_images_are_labelled_than_windows_are_drawn() -> None:
    study = {"enabled": True, "updates": 101, "images_per_update": 6, "drawn_share": 0.5}
    assert _images(304, **study) == 303
    assert _images(303, **study) is None
    assert _images(304, **study, images=300) == 300
    assert _images(304, **study, images=400) == 400
    assert _images(304, **{**study, "enabled": False}) is None
    assert _images(304, **study, minutes=3.0) is None


def test_a_part_of_a_window_is_a_whole_image() -> None:
    assert drawn_by_updates(SelfTrainingSettings(updates=1, images_per_update=1)) == 1


def test_the_labels_leave_the_time_to_draw_a_window_from_each() -> None:
    budget = budget_of(MANY, **IN_THREE)
    images = budget.settings.self_training.images
    assert images is not None
    assert budget.seconds["pseudo-masks"] == pytest.approx(images * 0.12)
    assert budget.updates["student"] * 8 * 0.75 == pytest.approx(images, rel=1e-3)
    assert sum(budget.seconds.values()) == pytest.approx(20 * 60)


def test_minutes_that_other_stages_are_given_are_not_those_of_labels() -> None:
    budget = budget_of(MANY, **IN_THREE, classifier__minutes=3)
    images = budget.settings.self_training.images
    assert images is not None
    assert budget.updates["student"] * 8 * 0.75 == pytest.approx(images, rel=1e-3)


def test_minutes_of_stage_3_are_those_of_its_labels_too() -> None:
    budget = budget_of(MANY, **IN_THREE, self_training__minutes=5)
    images = budget.settings.self_training.images
    assert images is not None
    update = 1.6 * 8 * (0.01 + 0.04 * (160 / 128) ** 2)
    assert images * (0.12 + update / 6) == pytest.approx(300, abs=0.5)


def test_all_images_are_labelled_where_the_time_allows() -> None:
    assert budget_of(SURVEY, **IN_THREE).settings.self_training.images is None
    given = budget_of(MANY, **IN_THREE, self_training__images=70)
    assert given.settings.self_training.images == 70
    assert given.seconds["pseudo-masks"] == pytest.approx(70 * 0.12)


def test_labels_take_no_more_than_is_spared_for_them() -> None:
    settings = SelfTrainingSettings(images_per_update=8, drawn_share=0.25)
    drawn = [
        drawn_in_time(settings, left=700, share=1.0, label=label, update=1.2, spare=3.1)
        for label in (0.5, 0.0)
    ]
    assert drawn == [6, 3500]


def test_even_no_time_at_all_labels_one() -> None:
    settings = SelfTrainingSettings()
    assert drawn_in_time(settings, left=-10, share=0.7, label=0.1, update=1.0) == 1


def test_the_table_gives_the_reason_of_a_run_within_minutes() -> None:
    settings = Settings().changed({"self_training.enabled": True, "minutes": 20})
    budget = fit_to_minutes(settings, replace(MANY, preset=preset_named(settings.preset)))
    images = budget.settings.self_training.images
    assert f"self_training.images = {images}: about one window is drawn from each" in {
        str(choice) for choice in budget.choices
    }


def test_fewer_labels_take_less_time_and_memory(shapes: Path) -> None:
    changes = ("self_training.enabled=true", "self_training.updates=7")
    every, one = (
        make_plan(shapes, quick(*changes)),
        make_plan(shapes, quick(*changes, "self_training.images=1")),
    )
    windows = one.student_cost
    rest = 7 * 8 * 1.6 * (sum(windows.groups) + windows.head + 3 * windows.segmenter)
    labels = [expected_seconds(plan, 1.4)[2] - rest for plan in (every, one)]
    assert labels[0] == pytest.approx(4 * labels[1])
    assert student_bytes(every) - student_bytes(one) == 3 * 4 * 60 * 76
    after = [
        after_training(plan.settings, NUMBERS, prediction=0.5, label=0.2, saving=4.0)
        for plan in (every, one)
    ]
    assert [parts["pseudo-masks"] for parts in after] == [900 * 0.2, 0.2]
    assert dict(describe(one, 1e9))["stage 3, pseudo-masks"].endswith("; 1 image labelled")


def test_the_seed_draws_which_images_without_a_drawn_mask_are_labelled(
    shapes: Path, tmp_path: Path
) -> None:
    drawn = []
    for seed in (*range(8), 0):
        _, plan, _ = start(shapes, tmp_path, *STUDY, f"seed={seed}")
        masked = {record.name for record in plan.roles.masks}
        rest = [record.name for record in plan.roles.tags if record.name not in masked]
        names = [image.name for image in images_to_label(plan, 2)]
        assert len(set(names)) == 2
        assert names == [name for name in rest if name in names]
        drawn.append(tuple(names))
    assert drawn[0] == drawn[-1]
    assert len(set(drawn)) > 1
    assert {name for names in drawn for name in names} == set(rest)


def test_so_many_are_labelled_and_no_other(shapes: Path, tmp_path: Path) -> None:
    _, plan, folder = start(shapes, tmp_path, *STUDY, "self_training.images=2")
    train_student(start_boldly(plan), plan, folder)
    labelled = folder.pseudo_masks
    names = {
        file.relative_to(labelled).with_suffix("").as_posix() for file in labelled.rglob("*.png")
    }
    assert names == {image.name for image in images_to_label(plan, 2)}
    assert labelled == tmp_path / "checkpoints" / "pseudo_masks" / "1"


def _timed(
    shapes: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *changes: str
) -> tuple[int, RunFolder]:
    """Return how many images a stage 3 with minutes labels after a stage 2 of 2 s an update."""
    network, plan, folder = start(
        shapes, out, *STUDY, "self_training.side=64", "segmenter.side=128", *changes
    )
    monkeypatch.setattr(self_training, "seconds_per_label", lambda *_: 3.0)
    monkeypatch.setattr(self_training, "effort_of", lambda _: Effort(updates=6, seconds=12.0))
    return number_of_labels(network, plan, folder, UNTIMED), folder


def test_minutes_of_stage_3_alone_decide_how_many_are_labelled_and_a_run_that_goes_on_keeps_it(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An update of 4 windows of a quarter of stage 2's pixels takes 1.6 * 2 / 4 s; 3 are labelled.
    each = 3 + 0.8 / 3
    labels, folder = _timed(
        shapes, tmp_path, monkeypatch, f"self_training.minutes={3.2 * each / 60}"
    )
    assert labels == 3
    assert folder.read_labels() == 3
    again, _ = _timed(shapes, tmp_path, monkeypatch, "self_training.minutes=60")
    assert again == 3


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        (("self_training.minutes=60",), 4),
        (("self_training.minutes=60", "self_training.images=2"), 2),
        ((), 4),
    ],
)
def test_long_minutes_or_a_given_number_decide_alike(
    changes: tuple[str, ...],
    labels: int,
    shapes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _timed(shapes, tmp_path, monkeypatch, *changes)[0] == labels


def test_a_stage_2_that_was_learnt_elsewhere_says_nothing(shapes: Path, tmp_path: Path) -> None:
    network, plan, folder = start(shapes, tmp_path, *STUDY, "self_training.minutes=0.01")
    assert number_of_labels(network, plan, folder, UNTIMED) == 4
    assert not folder.labels.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read: .*; remove it, and pseudo_masks beside it$"),
        *(
            (
                each,
                "not what a run writes: expected a number of images; remove it, and pseudo_masks "
                "beside it$",
            )
            for each in ("0", "1.5", "true", "[]")
        ),
    ],
)
def test_a_damaged_number_is_refused(content: str, message: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.checkpoints.mkdir()
    folder.labels.write_text(content)
    with pytest.raises(TrainingError, match=rf"labels\.json: {message}"):
        folder.read_labels()
