"""The command as a whole; what it writes is tested beside its parts."""

import re
from pathlib import Path

import pytest

from decouplednet.cli import app
from decouplednet.cli.prelabel import prelabel
from decouplednet.errors import DataError, UsageError
from decouplednet.prelabel.labeller import Labeller
from tests.cli.conftest import runner
from tests.prelabel.conftest import files, write_data

run = runner(prelabel)
IN = ("--precision", "32")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def test_a_data_set_becomes_masks_and_the_command_says_what_it_did(
    model: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    result = run(model, data, "--out", out, "--hard", *IN)

    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == f"pre-labels: {out}/masks, {out}/tags.csv (4 images in float32)"
    assert lines[1] == "not asked for: 1 without tags, 1 with a mask (--all takes these too)"
    assert re.fullmatch(
        rf"tags and model: \d vetoed, 0 suggested, \d doubted, 1 unknown \({out}/vetoes\.csv\)",
        lines[2],
    )
    assert lines[3:] == [
        "classes that the model does not know: zebra",
        f"ranking: {out}/prelabels.csv, the surest first",
    ]


def test_a_call_that_goes_on_says_what_was_there(model: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(model, data, "--out", out, "--all", *IN)

    result = run(
        *(model, data, "--out", out, "--all", "--resume", "--format", "coco", "--polygons"),
        *("--overlay", "--min-confidence", "1", *IN),
    )

    lines = result.stdout.splitlines()
    assert lines[0] == (
        f"pre-labels: {out}/coco/instances.json (1 image in float32; 6 segmented before)"
    )
    assert lines[1] == f"left out: 5 images of confidence under 1, in {out}/left_out/"
    assert lines[2].startswith("tags and model: ")
    assert lines[-1] == f"overlays: {out}/overlays/"


@pytest.mark.parametrize(
    ("options", "written"),
    [
        (("--format", "voc", "--copy-images"), "voc/JPEGImages/sub/b.jpg"),
        (("--format", "label-studio", "--image-root", "https://host/"), "label-studio/tasks.json"),
        (("--format", "cvat", "--split", "some", "--device", "cpu"), "cvat/annotations.xml"),
        (("--tile", "40", "--suggest-above", "0.5", "--certainty", "0.2"), "masks/d.png"),
        (("--certainty", "0.2", "--unsure", "drop"), "masks/d.png"),
    ],
)
def test_options_are_heeded(
    model: Path, data: Path, tmp_path: Path, options: tuple[str, ...], written: str
) -> None:
    run(model, data, "--out", tmp_path / "out", *options, *IN)

    assert written in files(tmp_path / "out")
    assert (not (tmp_path / "out/masks/c.png").exists()) == ("some" in options)


def test_an_image_that_cannot_be_read_is_named_and_the_status_is_one(
    model: Path, data: Path, tmp_path: Path
) -> None:
    (data / "images/a.png").write_text("no picture")

    result = run(model, data, "--out", tmp_path / "out", "--quiet", status=1)

    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "a.png: not a readable image" in result.stderr
    assert "masks/d.png" in files(tmp_path / "out")


@pytest.mark.parametrize("option", ["--suggest-above", "--certainty", "--min-confidence"])
@pytest.mark.parametrize("text", ["2", "x", "nan"])
def test_a_number_that_is_no_probability_is_named(
    model: Path, data: Path, tmp_path: Path, option: str, text: str
) -> None:
    message = f"{option}: {text}: expected a probability, a number from 0 to 1"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        run(model, data, "--out", tmp_path / "out", option, text)

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [("--format", "yolo"), ("--unsure", "perhaps"), ("--device", "tpu")]
)
def test_wrong_use_has_status_two(
    model: Path, data: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    run(model, data, "--out", tmp_path / "out", *arguments, status=2)


def test_a_folder_that_is_used_is_refused(model: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds something, but no pre-labels to go on with"):
        run(model, data, "--out", data)


def test_ctrl_c_says_how_to_go_on(
    model: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Labeller, "label", stopped)
    out = tmp_path / "out"

    assert app.run(["prelabel", str(model), str(data), "--out", str(out)]) == 130
    assert capsys.readouterr().err == (
        f"decouplednet: interrupted; go on with the same command and --resume; what is done lies "
        f"in {out}\n"
    )


def test_ctrl_c_before_anything_was_done_is_a_plain_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("decouplednet.prelabel.prelabel.load_model", stopped)

    assert app.run(["prelabel", "model", str(data), "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == "decouplednet: interrupted\n"
