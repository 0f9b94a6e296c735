"""The folder of a run: what is written where, and whether a run may start or go on in it."""

import contextlib
import json
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from decouplednet.annotations.files import write_atomically
from decouplednet.errors import TrainingError
from decouplednet.settings import Settings
from decouplednet.stage_settings import MOST

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # so that one name says whether files can be locked

RECORDED_PACKAGES = (
    *("decouplednet", "torch", "lightning", "numpy", "pillow", "safetensors", "transformers"),
)

CELLS = "cells"  # the folder of a comparison's results, where no run may lie
_OF_BELIEF = ("certainty", "right", "believed")
_LABEL_ANEW = "remove it, and pseudo_masks beside it"


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
        return self.learnt("classifier")

    @property
    def segmenter(self) -> Path:
        """What stage 2 learnt; there when that stage is complete."""
        return self.learnt("segmenter")

    def learnt(self, stage: str) -> Path:
        """Return the file of what a stage learnt; there when that stage is complete."""
        return self.checkpoints / f"{stage}.safetensors"

    @property
    def pseudo_masks(self) -> Path:
        """The pseudo-masks that stage 3 learns from; 1 is where earlier versions put them."""
        return self.checkpoints / "pseudo_masks" / "1"

    @property
    def belief(self) -> Path:
        """From where on pixels of pseudo-masks are believed; written before they are."""
        return self.checkpoints / "belief.json"

    @property
    def labels(self) -> Path:
        """How many images are labelled, where the minutes of stage 3 decide it."""
        return self.checkpoints / "labels.json"

    def check_unused(self) -> None:
        """Refuse to start a run where something lies already.

        Raises:
            TrainingError: the folder is not empty.
        """
        self._check_no_comparison()
        if self.is_begun():
            raise TrainingError(
                f"{self.root}: a run lies there already; resume it (--resume, resume=True) or "
                "choose another folder"
            )
        if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise TrainingError(f"{self.root}: not an empty folder; choose another")

    def is_begun(self) -> bool:
        """Return whether a run lies here, complete or not: its settings are written first."""
        return self.settings.exists()

    def has_facts(self) -> bool:
        """Return whether a run that began came to write what it is, or to train."""
        return self.facts.exists() or self.checkpoints.exists()

    def can_go_on(self) -> bool:
        """Return whether a run lies here that is not complete."""
        return self.is_begun() and not self.metrics.exists()

    def check_begun(self) -> None:
        """Refuse to resume where there is nothing to resume.

        Raises:
            TrainingError: no run lies here.
        """
        self._check_no_comparison()
        if not self.is_begun():
            raise TrainingError(
                f"{self.root}: no run lies there to resume; start a new one (without --resume, "
                "resume=False)"
            )

    def _check_no_comparison(self) -> None:
        if (self.root / CELLS).is_dir():
            raise TrainingError(f"{self.root}: a comparison lies there; choose another folder")

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
            TrainingError: it cannot be read, or is damaged.
        """
        remedy = "put it back as it was, or start anew in another folder"
        try:
            facts: Any = json.loads(self.facts.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as fault:
            raise TrainingError(f"{self.facts}: cannot be read: {fault}; {remedy}") from None
        noted = {"updates": {}, **facts} if isinstance(facts, dict) else {}
        for name in ("seconds", "updates"):
            numbers = noted.get(name)
            if not isinstance(numbers, dict) or not all(
                _is_number(value, MOST) for value in numbers.values()
            ):
                raise TrainingError(
                    f"{self.facts}: not what a run writes: no numbers under '{name}'; {remedy}"
                )
        return dict(facts)

    def read_belief(self, classes: Iterable[str]) -> dict[str, Any]:
        """Return what ``belief.json`` holds: the numbers of a ``Belief``.

        Args:
            classes: each of which has a doubt.

        Raises:
            TrainingError: it cannot be read, or is damaged.
        """
        belief = _json_beside_pseudo_masks(self.belief)
        plain = dict(belief) if isinstance(belief, dict) else {}
        doubt = plain.pop("doubt", None)
        if not (_are_shares(plain, _OF_BELIEF) and _are_shares(doubt, classes)):
            raise TrainingError(
                f"{self.belief}: not what a run writes: expected numbers from 0 to 1 under "
                f"{', '.join(_OF_BELIEF)} and, for each class, under doubt; {_LABEL_ANEW}"
            )
        return plain | {"doubt": doubt}

    def read_labels(self) -> int:
        """Return what ``labels.json`` holds: a number of images, at least 1.

        Raises:
            TrainingError: it cannot be read, or is damaged.
        """
        number = _json_beside_pseudo_masks(self.labels)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise TrainingError(
                f"{self.labels}: not what a run writes: expected a number of images; {_LABEL_ANEW}"
            )
        return number

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training here meanwhile, where the system can lock files.

        Raises:
            TrainingError: another process is training here.
        """
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            yield
            return
        with (self.checkpoints / "lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrainingError(
                    f"{self.root}: another process is training there; wait for it or stop it"
                ) from None
            yield

    def write_json(self, path: Path, content: Any) -> None:
        """Write a JSON file atomically."""
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())

    def remove_checkpoints(self) -> None:
        """Remove what only ``--resume`` needed."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)


def _json_beside_pseudo_masks(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise TrainingError(f"{file}: cannot be read: {fault}; {_LABEL_ANEW}") from None


def _are_shares(found: object, names: Iterable[str]) -> bool:
    """Return whether a JSON value is an object of numbers in [0, 1] under exactly these names."""
    return (
        isinstance(found, dict)
        and found.keys() == set(names)
        and all(_is_number(value, 1) for value in found.values())
    )


def _is_number(value: object, most: float) -> bool:
    """Return whether a JSON value is a number from 0 to ``most``; true, false and NaN are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


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
