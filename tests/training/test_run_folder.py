"""Where a run keeps what."""

import json
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from decouplednet.errors import TrainingError
from decouplednet.settings import Settings
from decouplednet.training import run_folder
from decouplednet.training.run_folder import RunFolder, commit, versions


def test_a_folder_is_unused_when_it_is_absent_or_empty(tmp_path: Path) -> None:
    RunFolder(tmp_path / "absent").check_unused()
    RunFolder(tmp_path).check_unused()


def test_a_run_begins_with_its_settings(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.facts.write_text("{}")
    with pytest.raises(TrainingError, match="no run lies there to resume; start "):
        folder.recorded_settings()
    folder.settings.write_text("")
    assert folder.recorded_settings() == Settings()


@pytest.mark.parametrize("name", ["run.json", "checkpoints"])
def test_a_run_that_trained_has_facts(name: str, tmp_path: Path) -> None:
    assert not RunFolder(tmp_path).has_facts()
    (tmp_path / name).mkdir()
    assert RunFolder(tmp_path).has_facts()


def test_settings_and_facts_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    settings = Settings.read(None, ["preset=tiny", "segmenter.updates=9"])
    facts = {"seconds": {"classifier": 1.5}, "roles": {"tags": ["a", "b"]}}
    folder.settings.write_text(settings.to_toml())
    folder.write_json(folder.facts, facts)

    assert folder.recorded_settings() == settings
    assert folder.read_facts() == facts
    assert folder.facts.read_text() == json.dumps(facts, indent=2) + "\n"


def test_removing_checkpoints_leaves_the_rest(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (folder.checkpoints / "classifier").mkdir(parents=True)
    folder.classifier.write_bytes(b"weights")
    folder.curves.write_text("stage")

    folder.remove_checkpoints()
    folder.remove_checkpoints()

    assert list(tmp_path.iterdir()) == [folder.curves]


def test_the_versions_are_those_of_the_installed_packages() -> None:
    found = versions()

    assert found.pop("python").count(".") == 2
    assert found == {name: metadata.version(name) for name in run_folder.RECORDED_PACKAGES}


def test_a_package_that_is_absent_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "RECORDED_PACKAGES", ("torch", "no-such-package"))

    assert set(versions()) == {"python", "torch"}


def test_the_commit_is_that_of_the_checkout_of_this_code() -> None:
    here = Path(run_folder.__file__).parent
    told = subprocess.run(
        ["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )

    assert told.stdout.startswith((commit() or "none").removesuffix("-dirty"))


def test_outside_a_checkout_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "__file__", str(tmp_path / "run_folder.py"))

    assert commit() is None


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert commit() is None


def test_where_a_comparison_lies_no_run_begins_or_goes_on(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / "settings.toml").write_text("")
    told = rf"^{re.escape(str(tmp_path))}: a comparison lies there; choose another folder$"
    with pytest.raises(TrainingError, match=told):
        RunFolder(tmp_path).check_unused()
    with pytest.raises(TrainingError, match=told):
        RunFolder(tmp_path).check_begun()
