from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
import torch

from decouplednet.errors import ModelError
from decouplednet.inference.model_folder import load_model, save_model, write_ranges
from decouplednet.inference.procedure import Procedure
from decouplednet.prelabel.identity import identity_of, name_of_model


def test_a_model_is_known_wherever_it_lies_and_however_it_is_named(
    model: Path, tmp_path: Path
) -> None:
    copytree(model, tmp_path / "elsewhere")
    segmenter = load_model(model)
    identity = identity_of(model, segmenter)

    assert identity == identity_of(model / "model", segmenter)
    assert identity == identity_of(str(tmp_path / "elsewhere"), load_model(tmp_path / "elsewhere"))
    assert name_of_model(model / "model", segmenter, identity) == f"{model.name} {identity[:8]}"
    assert name_of_model(model, segmenter, identity) == f"{model.name} {identity[:8]}"


def test_a_model_that_was_copied_out_of_its_run_has_the_name_of_its_folder(
    model: Path, tmp_path: Path
) -> None:
    copytree(model / "model", tmp_path / "animals")

    assert (
        name_of_model(tmp_path / "animals", load_model(model), "12345678ab") == "animals 12345678"
    )


def test_other_weights_and_another_procedure_are_another_model(model: Path, tmp_path: Path) -> None:
    segmenter, other = load_model(model), load_model(model)
    with torch.no_grad():
        next(other.network.parameters()).add_(1)
    mirrored = replace(segmenter, procedure=Procedure(flip=True))
    save_model(tmp_path / "mirrored", mirrored)
    identity = identity_of(segmenter, segmenter)

    assert identity == identity_of(load_model(model), segmenter)
    assert identity != identity_of(other, other)
    assert identity != identity_of(mirrored, mirrored)
    assert identity_of(model, segmenter) != identity_of(tmp_path / "mirrored", mirrored)
    assert name_of_model(segmenter, segmenter, "12345678ab") == "tiny 12345678"


def test_ranges_change_no_model(model: Path, tmp_path: Path) -> None:
    copytree(model, tmp_path / "prepared")
    write_ranges(tmp_path / "prepared", {"a": 1.0})

    before, after = (
        identity_of(path, load_model(model)) for path in (model, tmp_path / "prepared")
    )
    assert before == after


def test_weights_that_cannot_be_read_are_named(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(model, tmp_path / "run")
    segmenter = load_model(tmp_path / "run")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ModelError, match=r"model\.safetensors: cannot be read: Permission denied$"):
        identity_of(tmp_path / "run", segmenter)
