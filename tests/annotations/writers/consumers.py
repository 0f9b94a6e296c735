"""Programs of others that read what is written, in an environment of their own: they are large."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
VARIABLE = "DECOUPLEDNET_CONSUMERS"
PYTHON = Path(os.environ.get(VARIABLE) or ROOT / ".venv-consumers" / "bin" / "python")

needs_consumers = pytest.mark.skipif(
    not PYTHON.exists(),
    reason="no environment with datumaro and label-studio-sdk: run make consumers, or set "
    f"{VARIABLE} to its python",
)


def ask(program: str, *arguments: object) -> Any:
    """Run a program there and return what it printed last, as JSON."""
    told = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout.splitlines()[-1])
