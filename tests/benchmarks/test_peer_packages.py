"""The packages of the peers: missing, broken, and torchvision beside a CPU build of torch."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import peer_packages
from benchmarks.peer_packages import PACKAGE, PackageError, load_peer_packages

ROOT = Path(__file__).parents[2]
# What torchvision does when it is imported without its own operators.
TORCHVISION = """
import torch

@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold):
    return scores
"""
TWICE = """
import importlib
try:
    importlib.import_module("torchvision")
except RuntimeError as fault:
    print(fault)
from benchmarks.peer_packages import make_torchvision_importable
make_torchvision_importable()
make_torchvision_importable()
import torch, torchvision
print(torch.ops.torchvision.qnms.default._schema)
"""


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peer_packages, "find_spec", lambda _: None)

    with pytest.raises(
        PackageError,
        match=r"^segmentation_models_pytorch is not installed here; make an environment of its own "
        r"for it, as docs/how-to/compare-with-peers\.md says: pip install -c constraints\.txt "
        r"-e \. segmentation-models-pytorch$",
    ):
        load_peer_packages()


def test_the_page_that_the_remedy_names_exists_and_has_the_command() -> None:
    page, _, command = peer_packages.REMEDY.partition("as ")[2].partition(" says: ")

    assert command in (ROOT / page).read_text()


def test_a_package_that_does_not_import_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(name: str) -> ModuleType:
        raise RuntimeError(f"{name} wants another torch")

    monkeypatch.setattr(peer_packages, "find_spec", lambda _: object())
    monkeypatch.setattr(importlib, "import_module", refuse)

    with pytest.raises(
        PackageError, match=r"does not import here: torchvision wants another torch; make an"
    ):
        load_peer_packages()


def test_the_package_is_returned_imported_after_torchvision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def give(name: str) -> ModuleType:
        asked.append(name)
        return ModuleType(name)

    monkeypatch.setattr(peer_packages, "find_spec", lambda _: object())
    monkeypatch.setattr(importlib, "import_module", give)

    assert load_peer_packages().__name__ == PACKAGE
    assert asked == ["torchvision", PACKAGE]


def test_a_torchvision_without_its_operators_imports_once_they_are_declared(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(TORCHVISION)
    places = os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, "-c", TWICE],
        env=os.environ | {"PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "operator torchvision::nms does not exist" in done.stdout
    assert "torchvision::qnms(Tensor dets, Tensor scores, float iou_threshold)" in done.stdout
