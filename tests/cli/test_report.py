import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from decouplednet.cli.report import report
from decouplednet.errors import DataError, DeviceError
from tests.report.fake_run import FakeRun, fake_run

app = typer.Typer()
app.command()(report)


@pytest.fixture
def fake(tmp_path: Path) -> FakeRun:
    return fake_run(tmp_path)


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result


def test_it_says_where_the_page_lies(fake: FakeRun) -> None:
    said = run(fake.run, "--device", "cpu").stdout

    assert said == f"report: {fake.run / 'report.html'}\n"
    assert "Activation map of cat" in (fake.run / "report.html").read_text()


def test_quiet_says_nothing(fake: FakeRun) -> None:
    assert run(fake.run, "--quiet", "--no-pictures").output == ""
    assert (fake.run / "report.html").is_file()


def test_pictures_can_be_left_out_when_the_data_set_is_gone(fake: FakeRun) -> None:
    path = fake.run / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data": "/gone/elsewhere"}))

    with pytest.raises(DataError, match="--no-pictures"):
        run(fake.run)

    run(fake.run, "--no-pictures")
    assert "This page has no pictures" in (fake.run / "report.html").read_text()


def test_a_data_set_that_was_moved_can_be_named(fake: FakeRun) -> None:
    fake.data.rename(fake.data.with_name("moved"))

    run(fake.run, "--data", fake.data.with_name("moved"))

    assert "Activation map of cat" in (fake.run / "report.html").read_text()


def test_the_device_is_the_one_that_is_named(
    fake: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    with pytest.raises(DeviceError, match="device cuda"):
        run(fake.run, "--device", "cuda")
