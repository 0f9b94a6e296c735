"""The demo from end to end on very little data, and the settings that it is run with."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.demo.compose import Sizes
from decouplednet.demo.run import MASKS_ONLY, Demo, demo_settings, masks_only, run_demo
from decouplednet.errors import DataError, DeviceError
from decouplednet.settings import Settings
from decouplednet.training.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
PROMISED = ["miou", "miou_masks_only", "gain_over_masks_only", "seconds_after_install", "seed"]
SMALL = Sizes(tagged=30, test=4, masks_per_class=1, side=32)


def brief_settings(seed: int) -> Settings:
    """Return the demo's settings cut down to a second."""
    settings = demo_settings(seed)
    return settings.model_copy(
        update={
            "side": 32,
            "classifier": settings.classifier.model_copy(
                update={"updates": 3, "images_per_update": 4, "warmup_updates": 1}
            ),
            "segmenter": settings.segmenter.model_copy(
                update={"updates": 2, "images_per_update": 4, "warmup_updates": 1}
            ),
        }
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo that began 100 seconds ago."""
    return run_demo(
        tmp_path_factory.mktemp("demo") / "out",
        seed=5,
        sizes=SMALL,
        settings=brief_settings(5),
        device="cpu",
        started=time.perf_counter() - 100,
    )


def test_demo_json_holds_the_promised_keys_first(finished: Demo) -> None:
    scores = json.loads(finished.result.read_text())
    assert list(scores)[: len(PROMISED)] == PROMISED
    assert scores == finished.scores
    assert scores["seed"] == 5
    assert scores["seconds_after_install"] > 100
    assert scores["gain_over_masks_only"] == scores["miou"] - scores["miou_masks_only"]
    assert (scores["tagged_images"], scores["test_images"]) == (30, 4)


def test_the_scores_are_those_of_the_two_runs(finished: Demo) -> None:
    for folder, name in (("run", "miou"), ("masks-only", "miou_masks_only")):
        metrics = json.loads((finished.result.parent / folder / "metrics.json").read_text())
        assert finished.scores[name] == metrics["predicted_tags"]["miou"]
        assert finished.scores[f"{name}_true_tags"] == metrics["true_tags"]["miou"]


def test_the_runs_differ_in_their_tags_only(finished: Demo) -> None:
    root = finished.result.parent
    catalogue = Catalogue.read(root / "data")
    roles = {name: RunFolder(root / name).read_facts()["roles"] for name in ("run", "masks-only")}
    assert roles["run"]["tags"] == list(catalogue.splits["tags"])
    assert roles["masks-only"]["tags"] == list(catalogue.splits["masks"])
    for role, split in (("masks", "masks"), ("validation", "test")):
        assert roles["run"][role] == roles["masks-only"][role] == list(catalogue.splits[split])
    one, other = (RunFolder(root / name).recorded_settings() for name in roles)
    assert masks_only(one) == other
    assert one.compute.device == other.compute.device == "cpu"


def test_the_report_compares_both_runs(finished: Demo) -> None:
    assert finished.report == finished.result.parent / "run" / "report.html"
    assert MASKS_ONLY in finished.report.read_text()


@pytest.mark.slow
def test_without_further_words_the_seed_fixes_data_and_training(
    finished: Demo, tmp_path: Path
) -> None:
    again = run_demo(tmp_path, seed=5, sizes=SMALL, settings=brief_settings(5))
    weights = [
        load_file(demo.result.parent / "run/model/model.safetensors") for demo in (finished, again)
    ]
    assert all(weights[0][key].equal(weights[1][key]) for key in weights[0])


def test_the_demo_s_settings_use_its_splits_and_the_seed() -> None:
    settings = demo_settings(3)
    assert settings.seed == 3
    assert settings.preset == "tiny"
    data = settings.data
    assert (data.tags_split, data.masks_split, data.validation_split) == ("tags", "masks", "test")
    assert settings.segmenter.held_out == 0, "the schedule is fixed, nothing is chosen by scores"


def test_masks_only_changes_where_tags_come_from_and_nothing_else() -> None:
    settings = demo_settings(3)
    narrowed = masks_only(settings)
    assert narrowed.data.tags_split == "masks"
    back = narrowed.model_copy(update={"data": settings.data})
    assert back == settings


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is there")
def test_a_device_that_is_absent_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cuda"):
        run_demo(tmp_path / "demo", seed=0, device="cuda")
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match=r"not an empty folder; choose another --out$"):
        run_demo(tmp_path, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def make(*words: str, **environment: str) -> str:
    """Return what make says in this environment, which takes the place of the installed .venv."""
    here = ["--no-print-directory", f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.installed"]
    done = subprocess.run(
        ["make", *here, *words],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def test_make_demo_runs_the_command_in_a_folder_of_its_own_choice_or_the_one_named() -> None:
    command = f"{sys.prefix}/bin/decouplednet demo"

    assert make("--dry-run", "demo", OUT="elsewhere").splitlines() == [command]
    assert make("--dry-run", "demo", "OUT=here").splitlines() == [f'{command} --out "here"']


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_make_demo_learns_what_it_promises(tmp_path: Path) -> None:
    make("demo", f"OUT={tmp_path / 'demo'}")

    scores = json.loads((tmp_path / "demo" / "demo.json").read_text())
    assert list(scores)[: len(PROMISED)] == PROMISED
    assert scores["miou"] >= 0.55
    assert scores["gain_over_masks_only"] >= 0.15
