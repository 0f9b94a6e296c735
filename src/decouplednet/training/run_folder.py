"""The folder of a run: what is written where, and whether a run may start or go on in it."""

import contextlib
import json
import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from decouplednet.annotations.files import write_atomically
from decouplednet.errors import TrainingError
from decouplednet.settings import Settings

RECORDED_PACKAGES = ("decouplednet", "torch", "lightning", "numpy", "pillow", "safetensors")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run.

    Args:
        root: the folder given to ``--out``.
    """

    root: Path

    @property
    def settings(self) -> Path:
        """The settings, every choice made, as TOML."""
        return self.root / "settings.toml"

    @property
    def facts(self) -> Path:
        """Seed, versions, data, classes, roles and seconds, as JSON."""
        return self.root / "run.json"

    @property
    def curves(self) -> Path:
        """The learning curves."""
        return self.root / "curves.csv"

    @property
    def metrics(self) -> Path:
        """The scores on the images that were only scored."""
        return self.root / "metrics.json"

    @property
    def model(self) -> Path:
        """The trained model's folder."""
        return self.root / "model"

    @property
    def checkpoints(self) -> Path:
        """What ``--resume`` continues from; removed when the run is complete."""
        return self.root / "checkpoints"

    @property
    def classifier(self) -> Path:
        """What stage 1 learnt; there when that stage is complete."""
        return self.checkpoints / "classifier.safetensors"

    def check_unused(self) -> None:
        """Refuse to start a run where something lies already.

        Raises:
            TrainingError: the folder is not empty.
        """
        if self.settings.exists():
            raise TrainingError(
                f"{self.root}: a run lies there already; resume it (--resume, resume=True) or "
                "choose another folder"
            )
        if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise TrainingError(f"{self.root}: not an empty folder; choose another")

    def is_begun(self) -> bool:
        """Return whether a run lies here, complete or not."""
        return self.settings.exists() and self.facts.exists()

    def can_go_on(self) -> bool:
        """Return whether a run lies here that is not complete."""
        return self.is_begun() and not self.metrics.exists()

    def check_begun(self) -> None:
        """Refuse to resume where there is nothing to resume.

        Raises:
            TrainingError: no run lies here.
        """
        if not self.is_begun():
            raise TrainingError(
                f"{self.root}: no run lies there to resume; start a new one (without --resume, "
                "resume=False)"
            )

    def recorded_settings(self) -> Settings:
        """Return the settings of the run that lies here.

        Raises:
            TrainingError: no run lies here.
            SettingsError: its settings are damaged.
        """
        self.check_begun()
        return Settings.read(self.settings)

    def read_facts(self) -> dict[str, Any]:
        """Return what ``run.json`` holds.

        Raises:
            TrainingError: it cannot be read.
        """
        try:
            facts: dict[str, Any] = json.loads(self.facts.read_text(encoding="utf-8"))
        except (OSError, ValueError) as fault:
            raise TrainingError(f"{self.facts}: cannot be read: {fault}") from None
        return facts

    def write_json(self, path: Path, content: Any) -> None:
        """Write a JSON file atomically."""
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())

    def remove_checkpoints(self) -> None:
        """Remove what only ``--resume`` needed."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    found = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def commit() -> str | None:
    """Return the commit of the checkout that this code runs from; None outside a checkout."""
    here = Path(__file__).parent
    try:
        told = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None
