import json
import re
from pathlib import Path

import pytest

from decouplednet.comparison.cell import Cell, CellResult, write_cell
from decouplednet.comparison.folder import ComparisonFolder
from decouplednet.comparison.terms import Terms
from decouplednet.errors import DataError, SettingsError
from decouplednet.settings import Settings
from tests.annotations.folders import native
from tests.comparison.fakes import CLASSES, a_cell, scores_of, terms_of

NAMES = [f"m{number}" for number in range(5)]
SPLITS = {"strong_1": ["m0", "m1"], "val": ["m4"]}


@pytest.fixture
def terms(tmp_path: Path) -> Terms:
    masks = dict.fromkeys(NAMES, (0, 1, 2, 3))
    root = native(tmp_path / "data", classes=CLASSES, masks=masks, splits=SPLITS)
    return terms_of(root, "data.validation_split=val")


@pytest.fixture
def folder(tmp_path: Path) -> ComparisonFolder:
    return ComparisonFolder(tmp_path / "out")


def of_terms(
    terms: Terms, method: str = "decouplednet", seed: int = 0, **changes: object
) -> CellResult:
    cell = a_cell(method, 1, seed)
    return cell.model_copy(update={"digests": terms.digests(1), **changes})


def test_cells_made_elsewhere_are_found(terms: Terms, folder: ComparisonFolder) -> None:
    mine, other = of_terms(terms), of_terms(terms, method="unet", seed=3)
    for result in (mine, other):
        write_cell(folder.cells, result)

    assert folder.find(terms).cells == (mine, other)
    assert folder.find(terms).refused == ()
    assert folder.file(mine.cell).exists()


def test_a_cell_with_other_images_is_refused_in_one_clear_line(
    terms: Terms, folder: ComparisonFolder
) -> None:
    own = terms.digests(1)
    others = {"scored": "f" * 64}, {"masks": "e" * 64}, {"tags": "d" * 64}
    for seed, other in enumerate(others):
        digests = own.model_copy(update=other)
        write_cell(folder.cells, of_terms(terms, seed=seed, digests=digests))
    scored, masks, tags = folder.find(terms).refused

    assert folder.find(terms).cells == ()
    assert scored == (
        f"{folder.cells}/decouplednet-masks1-seed0.json: was scored on other images or masks than "
        f"the cells of this comparison (digest ffffffffffff, here {own.scored[:12]}); left out. "
        "Remove it to train the cell here"
    )
    assert "decouplednet-masks1-seed1.json: learnt from other masks than the cells of" in masks
    assert f"(digest eeeeeeeeeeee, here {own.masks[:12]})" in masks
    assert tags.endswith(
        "decouplednet-masks1-seed2.json: was given other tags to learn from than the cells of this "
        f"comparison (digest dddddddddddd, here {own.tags[:12]}); left out. Remove it to train the "
        "cell here"
    )


def test_other_files_that_are_no_cell_of_the_comparison_are_refused_too(
    terms: Terms, folder: ComparisonFolder
) -> None:
    classes = scores_of(0.5, {"background": 0.5, "cat": 0.5})
    write_cell(folder.cells, of_terms(terms, method="a", predicted_tags=classes))
    write_cell(folder.cells, of_terms(terms, method="b")).rename(folder.cells / "b.json")
    far = write_cell(folder.cells, a_cell(method="c", masks=25))
    (folder.cells / "d.json").write_text("[]")
    kept = write_cell(folder.cells, of_terms(terms, method="e"))
    found = folder.find(terms)

    assert [cell.method for cell in found.cells] == ["e"]
    assert kept.exists()
    other_classes, name, masks, no_cell = found.refused
    assert "its classes are background, cat, those of this comparison background, disc" in (
        other_classes
    )
    assert name.endswith(
        "b.json: holds the cell b, 1 mask a class, seed 0; name it b-masks1-seed0.json"
    )
    assert masks.startswith(f"{far}: ")
    assert "has no split with 25 masks a class; it has 1." in masks
    assert masks.endswith("; left out")
    assert "d.json: the file: Input should be an object" in no_cell


def test_a_comparison_goes_on_with_the_settings_it_began_with(folder: ComparisonFolder) -> None:
    began = Settings.read(None, ["segmenter.updates=70", "compute.device=cpu"])
    assert folder.settings_to_use(began) == began
    assert folder.settings_to_use(None) == Settings()
    folder.begin(began, {})

    assert folder.settings.read_text() == (
        '\n[segmenter]\nupdates = 70\n\n[compute]\ndevice = "cpu"\n'
    )
    assert folder.settings_to_use(None) == began
    elsewhere = Settings.read(None, ["segmenter.updates=70", "compute.workers=2"])
    assert folder.settings_to_use(elsewhere).compute.workers == 2
    told = (
        f"{folder.root}: a comparison goes on with the settings that it began with; different now: "
        "side, segmenter.updates; compare in another folder"
    )
    with pytest.raises(SettingsError, match=re.escape(told)):
        folder.settings_to_use(Settings.read(None, ["segmenter.updates=71", "side=96"]))


def test_a_comparison_that_names_what_was_taken_out_since_goes_on(folder: ComparisonFolder) -> None:
    folder.begin(Settings(segmenter={"updates": 70}), {})
    with folder.settings.open("a") as file:
        file.write("pasted_share = 0.0\n\n[self_training]\nrounds = 1\n")

    assert folder.settings_to_use(None) == Settings(segmenter={"updates": 70})


def test_one_that_followed_what_was_taken_out_since_trains_nothing_more(
    folder: ComparisonFolder,
) -> None:
    folder.begin(Settings(segmenter={"updates": 70}), {})
    with folder.settings.open("a") as file:
        file.write("pasted_share = 0.5\n")

    assert folder.settings_to_use(None, to_train=False) == Settings(segmenter={"updates": 70})
    with pytest.raises(SettingsError, match=r"settings\.toml: settings that were taken out: \[seg"):
        folder.settings_to_use(None)


def test_the_weights_are_recorded_with_their_whole_path(
    folder: ComparisonFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    used = folder.settings_to_use(Settings.read(None, ["classifier.weights=w.safetensors"]))

    assert used.classifier.weights == str(tmp_path / "w.safetensors")


def test_lists_that_were_drawn_are_written_as_splits(folder: ComparisonFolder) -> None:
    folder.begin(Settings(), {"drawn_5": ("a", "sub/b"), "scored": ("c",)})

    assert (folder.splits / "drawn_5.txt").read_text() == "a\nsub/b\n"
    assert (folder.splits / "scored.txt").read_text() == "c\n"


def test_a_folder_that_holds_something_else_is_refused(folder: ComparisonFolder) -> None:
    folder.root.mkdir()
    assert folder.settings_to_use(None) == Settings()
    folder.cells.mkdir()
    assert folder.settings_to_use(None) == Settings(), "cells may be put there first"
    folder.cells.rmdir()
    folder.settings.write_text("")
    (folder.root / "run.json").write_text("{}")  # a run of train
    with pytest.raises(DataError, match="neither a comparison nor an empty folder"):
        folder.settings_to_use(None)
    folder.settings.unlink()
    (folder.root / "run.json").unlink()
    (folder.root / "letter.txt").write_text("dear")
    told = f"{folder.root}: neither a comparison nor an empty folder; choose another"
    with pytest.raises(DataError, match=re.escape(told)):
        folder.settings_to_use(None)


def test_faults_are_the_first_lines_of_what_was_written_down(folder: ComparisonFolder) -> None:
    for seed, text in enumerate(("one\n\nTraceback", "two\n")):
        file = folder.fault(Cell("maps", 5, seed))
        file.parent.mkdir(parents=True)
        file.write_text(text)

    assert folder.faults() == ("one", "two")
    assert folder.sentence(Cell("maps", 5, 1)) == "two"


def test_a_damaged_cell_does_not_hide_the_others(terms: Terms, folder: ComparisonFolder) -> None:
    path = write_cell(folder.cells, of_terms(terms))
    write_cell(folder.cells, of_terms(terms, seed=1))
    path.write_text(json.dumps({"method": "decouplednet"}))
    found = folder.find(terms)

    assert [cell.seed for cell in found.cells] == [1]
    (told,) = found.refused
    assert told.endswith("seed0.json: title: Field required; was it edited by hand?")
