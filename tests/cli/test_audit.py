import csv
import io
from pathlib import Path

import pytest
import torch

from decouplednet.cli.audit import audit
from decouplednet.errors import DataError, DeviceError
from tests.audit.shapes import write_model, write_tagged
from tests.cli.conftest import runner

run = runner(audit)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("tagger"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_tagged(tmp_path / "data")


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / "audit.csv").read_text(encoding="utf-8"))))


def test_it_writes_the_list_and_the_page_and_shows_the_first_rows(
    tagger: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new"

    printed = run(tagger, data, "--out", out, "--device", "cpu").stdout

    listed = rows(out)
    assert listed[0]["image"] == "sub/00.png"
    assert printed.endswith(
        f"{len(listed)} suspicious tags of 14 images: {out / 'audit.csv'}\n"
        f"page: {out / 'audit.html'}\n"
    )
    shown = [line for line in printed.splitlines() if "sub/" in line]
    assert len(shown) == min(10, len(listed))
    for line, row in zip(shown, listed, strict=False):
        words = line.replace("│", " ").split()
        assert words == [
            f"{float(row['suspicion']):.2f}",
            row["image"],
            row["class"],
            row["tag_says"],
            f"{float(row['probability']):.2f}",
        ]


def test_by_default_it_writes_into_a_folder_of_its_own(
    tagger: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    run(tagger / "model", data, "--quiet")

    assert {path.name for path in (tmp_path / "audit").iterdir()} == {"audit.csv", "audit.html"}


def test_a_split_is_audited_alone(tagger: Path, data: Path, tmp_path: Path) -> None:
    printed = run(tagger, data, "--out", tmp_path / "out", "--split", "some").stdout

    assert "of 3 images: " in printed


def test_quiet_shows_nothing(tagger: Path, data: Path, tmp_path: Path) -> None:
    assert run(tagger, data, "--out", tmp_path / "out", "--quiet").output == ""


def test_an_image_that_cannot_be_read_is_named_and_the_status_is_one(
    tagger: Path, data: Path, tmp_path: Path
) -> None:
    (data / "images/sub/03.png").write_text("no picture")

    result = run(tagger, data, "--out", tmp_path / "out", status=1)

    assert "03.png: not a readable image" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "of 13 images: " in result.stdout
    assert rows(tmp_path / "out")[0]["image"] == "sub/00.png"


def test_the_device_is_asked_for(
    tagger: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(DeviceError, match="finds no GPU"):
        run(tagger, data, "--out", tmp_path / "out", "--device", "cuda")


def test_a_data_set_without_tags_is_refused(tagger: Path, data: Path, tmp_path: Path) -> None:
    (data / "tags.csv").unlink()

    with pytest.raises(DataError, match="none of the 14 images has tags to audit"):
        run(tagger, data, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [(), ("--device", "tpu")])
def test_wrong_use_has_status_two(arguments: tuple[str, ...], tagger: Path) -> None:
    run(tagger, *arguments, status=2)
