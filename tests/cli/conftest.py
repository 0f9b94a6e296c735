"""A model and the running of one command, shared by the tests of several."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.inference.small import write_tiny_model

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose gate says cat and cow of every image, and not dog."""
    return write_tiny_model(
        tmp_path_factory.mktemp("run"), {"cat": 0.9, "cow": 0.6, "dog": 0.1}, others="ignore"
    )


def runner(command: Callable[..., None]) -> Run:
    """Return what runs a command and checks its exit status; faults are raised."""
    app = typer.Typer()
    app.command()(command)

    def run(*arguments: object, status: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    return run
