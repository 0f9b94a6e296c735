from pathlib import Path

import pytest

from decouplednet.cli.export import export
from decouplednet.export import export as exporting
from decouplednet.export.agreement import Agreement
from decouplednet.export.export import Exported
from tests.cli.conftest import runner

run = runner(export)


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path, str]]:
    """Record what would be exported; tests/export exports really."""
    made: list[tuple[Path, Path, str]] = []

    def instead(model: Path, out: Path, *, to: str) -> Exported:
        made.append((model, out, to))
        sizes = {"encoder.onnx": 69_405_035, "predict.py": 6_040}
        return Exported(sizes, Agreement(1.1e-4, 0.99987, 4, ((96, 96), (96, 128))))

    monkeypatch.setattr(exporting, "export_model", instead)
    return made


def test_it_says_what_was_written_and_how_well_it_agrees(
    tmp_path: Path, calls: list[tuple[Path, Path, str]]
) -> None:
    printed = run("run", "--to", "openvino", "--out", tmp_path / "out").stdout

    assert calls == [(Path("run"), tmp_path / "out", "openvino")]
    assert printed.splitlines() == [
        f"{tmp_path / 'out/encoder.onnx'}  69.4 MB",
        f"{tmp_path / 'out/predict.py'}  6.0 kB",
        "compared with run: scores within 0.00011 in 2 sizes, label maps equal on 99.987 % of "
        "pixels; classes shown: 4",
    ]


def test_quiet_says_nothing(tmp_path: Path) -> None:
    assert run("run", "--to", "onnx", "--out", tmp_path / "out", "--quiet").stdout == ""


def test_another_format_is_wrong_use(tmp_path: Path) -> None:
    assert "onnx" in run("run", "--to", "tflite", "--out", tmp_path, status=2).output
