import re
from pathlib import Path
from shutil import rmtree

import pytest

from decouplednet.settings import Settings
from decouplednet.training import run as runs
from tests.recipes.small_voc import write_voc
from tests.training.conftest import start_boldly
from tests.weights import write_weights

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
PAPER = {"5": (5500, 4000), "10": (7500, 10000), "25": (15000, 10000), "full": (17500, 10000)}

each_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)


def opening(recipe: Path) -> list[str]:
    lines = recipe.read_text().splitlines()
    return lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]


def entry(recipe: Path, word: str) -> str:
    """Return what the opening says after a word such as ``Time``, over several lines or one."""
    _, _, after = "\n".join(opening(recipe)).partition(f"# {word}:")
    return re.split(r"\n#\s*(?:\n|$|[A-Z]\w+: )", after)[0]


def test_the_recipes_of_the_paper_and_of_the_animals_are_all_there() -> None:
    names = {recipe.stem for recipe in RECIPES}

    assert {f"voc2012-{masks}" for masks in PAPER} <= names
    assert {f"voc-animals-{masks}" for masks in (5, 10, 25)} <= names
    assert {"cpu-30min", "cpu-2h", "cpu-2h-fast", "gpu-30min"} <= names


@each_recipe
def test_a_recipe_opens_with_command_machine_time_and_expected_score(recipe: Path) -> None:
    head = "\n".join(opening(recipe))

    for word in ("Command:", "Machine:", "Time:", "Expected:"):
        assert f"# {word}" in head
    assert f"--recipe recipes/{recipe.name}" in head


@each_recipe
def test_a_recipe_opens_with_the_score_to_expect_and_the_time_it_took_where_it_ran(
    recipe: Path,
) -> None:
    run = "Not run by us" not in opening(recipe)[0]
    expected = entry(recipe, "Expected")
    assert re.search(r"mean IoU 0\.\d{3}\b", expected) or (not run and "not run" in expected)
    if run:
        assert re.search(r"\d (seconds|minutes|hours)\b", entry(recipe, "Time"))


@each_recipe
def test_a_recipe_says_which_splits_it_takes_and_its_opening_explains_them(recipe: Path) -> None:
    wanted = Settings.read(recipe).data
    head = "\n".join(opening(recipe))

    for split in (wanted.tags_split, wanted.masks_split, wanted.validation_split):
        assert f"#   {split} " in head


@pytest.mark.parametrize("masks", PAPER)
def test_the_recipes_of_the_paper_hold_its_schedule_and_are_marked_not_run(masks: str) -> None:
    recipe = next(path for path in RECIPES if path.stem == f"voc2012-{masks}")
    settings = Settings.read(recipe)
    stage = settings.segmenter
    updates, decay_every = PAPER[masks]

    assert "Not run by us" in opening(recipe)[0]
    assert (settings.preset, settings.side, settings.data.classes) == ("vgg16", 320, None)
    assert (stage.updates, stage.decay_every, stage.schedule) == (updates, decay_every, "steps")
    assert (stage.optimizer, stage.learning_rate, stage.weight_decay) == ("sgd", 0.01, 5e-4)
    assert (stage.images_per_update, stage.images_per_step) == (64, 4)
    assert (stage.warp_windows, stage.statistics_batches, stage.warmup_updates) == (True, 100, 0)
    assert settings.classifier.trained_groups == 5


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights") / "convolutions.safetensors")


@pytest.mark.slow
@pytest.mark.timeout(900)
@each_recipe
def test_a_recipe_trains_two_updates_of_each_stage(
    recipe: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "start_network", start_boldly)  # stage 3 must find something
    monkeypatch.setenv("DECOUPLEDNET_CACHE", str(tmp_path / "cache"))
    # The recipe as it is, its preset and side too; only shorter, with fewer images an update.
    changes = [
        f"{stage}.{key}"
        for stage in ("classifier", "segmenter", "self_training")
        for key in ("updates=2", "images_per_update=2", "images_per_step=2")
    ]
    changes += ["segmenter.statistics_batches=2", f"classifier.weights={weights}"]
    changes += ["self_training.right=0", "self_training.undenied=0"]  # it knows next to nothing
    settings = Settings.read(recipe, changes).changed({"minutes": None})
    given = settings.data
    assert given.tags_split
    assert given.masks_split
    assert given.validation_split
    data = write_voc(
        tmp_path / "data",
        tags_split=given.tags_split,
        masks_split=given.masks_split,
        validation_split=given.validation_split,
    )

    run = runs.train(data, out=tmp_path / "run", settings=settings)

    assert set(run.metrics) == {"predicted_tags", "true_tags"}
    assert run.metrics["true_tags"]["images"] == 2
    assert (run.folder / "model" / "model.json").is_file()
    rmtree(run.folder)  # a model of the paper's size takes 1.2 GB
