"""The command line as a whole: what it exits with, and that a fault is one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from decouplednet.cli import app
from decouplednet.cli.app import run
from tests.inference.small import write_tiny_model


def _lines(captured: str) -> list[str]:
    return captured.splitlines()


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["check", "nowhere"], 1, "decouplednet: nowhere: there is no such folder"),
        (["chek"], 2, "decouplednet: No such command 'chek'. Did you mean 'check'?"),
        (["check", "--jsn", "."], 2, "decouplednet: No such option: --jsn"),
        (["info", "a" * 300], 1, f"decouplednet: {'a' * 300}/model.json: File name too long"),
        (["check"], 2, "decouplednet: Missing argument 'DATA'. (decouplednet check --help"),
        (
            ["train", ".", "--out", "run", "--set", "segmenter.upates=3"],
            2,
            "decouplednet: --set: [segmenter] has no setting upates; did you mean updates?",
        ),
        (
            ["train", ".", "--out", "run", "--recipe", "none.toml"],
            1,
            "decouplednet: none.toml: there is no such recipe",
        ),
    ],
)
def test_a_fault_is_one_line_and_its_exit_status(
    arguments: list[str],
    status: int,
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(_lines(captured.err)) == 1
    assert captured.err.startswith(line)
    assert not list(tmp_path.iterdir()), "nothing half-written is left"


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"decouplednet {version('decouplednet')}\n"


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    shown = capsys.readouterr().out
    for command in (
        "check",
        "init",
        "train",
        "predict",
        "evaluate",
        "report",
        "compare",
        "info",
        "demo",
    ):
        assert command in shown


def test_help_names_arguments_in_capitals_and_says_of_flags_no_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for arguments in (["predict", "--help"], ["train", "--help"], ["--help"]):
        assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert "decouplednet predict [OPTIONS] MODEL IMAGES" in shown
    assert "decouplednet train [OPTIONS] DATA" in shown
    assert "<bool>" not in shown
    assert "<path>" in shown


def test_an_output_that_is_full_is_one_line(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, {"cat": 0.9})
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "decouplednet", "info", str(tmp_path)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "decouplednet: output: No space left on device\n"


def test_a_name_that_the_terminal_cannot_show_is_written_in_escapes(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, {"B\u00e4r": 0.9})
    done = subprocess.run(
        [sys.executable, "-m", "decouplednet", "info", str(tmp_path)],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 B\\xe4r" in done.stdout


def test_ctrl_c_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "app", interrupted)
    assert run(["check", "."]) == 130
    assert capsys.readouterr().err == "decouplednet: interrupted\n"


def test_the_module_runs_as_a_program_with_the_same_exit_status(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "decouplednet", "check", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("none: there is no such folder\n")
