"""Which masks a model has not learnt from, and what is said where that is not known."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.errors import DataError
from decouplednet.evaluation.held_out_masks import held_out_masks
from decouplednet.evaluation.run_roles import read_run_roles
from tests.evaluation.shapes import write_data

REMEDY = "name a split with masks that the model has not learnt from: --held-out SPLIT"


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue.read(write_data(tmp_path / "data"))


def write_run(
    run: Path, *, masks: Sequence[str] = (), validation: Sequence[str] = ("a", "c.png")
) -> Path:
    """Write what a run says of its images; return its model's folder."""
    (run / "model").mkdir(parents=True)
    roles = {"tags": ["d"], "masks": list(masks), "validation": list(validation)}
    (run / "run.json").write_text(json.dumps({"roles": roles, "seed": 3}))
    return run / "model"


def refusal(catalogue: Catalogue, model: Path, split: str | None = None) -> str:
    with pytest.raises(DataError) as refused:
        held_out_masks(catalogue, model, split)
    return str(refused.value)


def test_by_default_they_are_those_that_the_run_kept_for_scoring(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    model = write_run(tmp_path / "run", masks=["sub/b"])

    for place in (model, tmp_path / "run"):
        found = held_out_masks(catalogue, place)
        assert [record.name for record in found.records] == ["a", "c"]
        assert found.source == "the images that its run kept for scoring"
        assert (found.without_mask, found.known) == (0, True)


def test_a_split_names_others_and_those_without_a_mask_are_counted(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    found = held_out_masks(catalogue, tmp_path / "model", "val")

    assert [record.name for record in found.records] == ["a", "sub/b", "c"]
    assert (found.source, found.without_mask, found.known) == ("the split 'val'", 1, False)


def test_without_a_run_a_split_is_asked_for(catalogue: Catalogue, tmp_path: Path) -> None:
    assert refusal(catalogue, tmp_path / "model") == (
        f"{tmp_path / 'model'}: no run.json lies beside it, which would say what masks it has not "
        f"learnt from; {REMEDY}"
    )


def test_a_run_that_kept_no_image_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    model = write_run(tmp_path / "run", validation=[])

    assert refusal(catalogue, model) == f"{model}: its run kept no image for scoring; {REMEDY}"


def test_images_that_the_data_set_does_not_have_are_refused(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    model = write_run(tmp_path / "run", validation=["a", "lost", "gone"])

    assert refusal(catalogue, model) == (
        f"{catalogue.root}: 2 of the 3 images that the run of {model} kept for scoring are not in "
        f"it; {REMEDY}"
    )


def test_masks_that_the_model_learnt_are_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    model = write_run(tmp_path / "run", masks=["c", "sub/b.png", "elsewhere"])

    assert refusal(catalogue, model, "val") == (
        f"{catalogue.root}: the split 'val': the model was trained on the masks of 2 of 3, such "
        f"as 'sub/b', which say nothing of other images; {REMEDY}"
    )
    assert refusal(catalogue, model) == (
        f"{catalogue.root}: the images that its run kept for scoring: the model was trained on "
        f"the masks of 1 of 2, such as 'c', which say nothing of other images; {REMEDY}"
    )


def test_a_split_without_a_mask_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    assert refusal(catalogue, tmp_path / "model", "bare") == (
        f"{catalogue.root}: the split 'bare': none has a mask; {REMEDY}"
    )


def test_a_split_that_does_not_exist_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    assert "there is no split 'vall'" in refusal(catalogue, tmp_path / "model", "vall")


def test_a_damaged_run_is_named(catalogue: Catalogue, tmp_path: Path) -> None:
    model = write_run(tmp_path / "run")
    file = tmp_path / "run" / "run.json"
    file.write_text('{"roles": {"tags": [], "masks": []}}')

    assert refusal(catalogue, model) == (
        f"{file.resolve()}: roles.validation: Field required; was it edited by hand?"
    )


def test_roles_of_a_run_are_found_from_its_folder_and_from_its_model_only(tmp_path: Path) -> None:
    model = write_run(tmp_path / "run")

    roles = read_run_roles(model)

    assert roles == read_run_roles(tmp_path / "run")
    assert roles is not None
    assert (roles.tags, roles.validation, roles.calibration) == (("d",), ("a", "c.png"), ())
    (tmp_path / "run" / "other").mkdir()
    assert read_run_roles(tmp_path / "run" / "other") is None
