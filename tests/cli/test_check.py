import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from decouplednet.cli.check import check
from tests.annotations import folders

app = typer.Typer()
app.command()(check)


def run(*arguments: object) -> tuple[int, str]:
    wide = CliRunner(env={"COLUMNS": "400"})
    result = wide.invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout


def test_a_sound_data_set_is_summed_up(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat", "b": "dog"}, masks={"a": [1]}, images=["c"])

    assert run(tmp_path) == (0, "3 images, 2 tagged, 1 masked: no faults\n")


def test_a_set_without_a_mask_is_told_that_training_needs_one(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat;dog"})

    assert run(tmp_path) == (
        0,
        "1 images, 1 tagged, 0 masked: no faults\nto train, at least one mask is needed\n",
    )


def test_faults_are_shown_by_kind_with_their_number(tmp_path: Path) -> None:
    folders.native(
        tmp_path,
        tags={"[red]a": "cat", "b": "dog"},
        splits={"val": [f"gone{i}" for i in range(12)]},
    )
    (tmp_path / "images" / "[red]a.png").write_bytes(b"")

    status, text = run(tmp_path)

    assert status == 1
    assert text.index("split-without-file │     12") < text.index("unreadable-image   │      1")
    assert "'gone9' has no image" in text
    assert "'gone10' has no image" not in text
    assert "and 2 more; see --json" in text
    assert "[red]a.png" in text  # no markup
    assert text.endswith(
        "\n2 images, 2 tagged, 0 masked: 13 faults\nto train, at least one mask is needed\n"
    )


def test_json_is_all_there_is_on_standard_output(tmp_path: Path) -> None:
    folders.native(
        tmp_path, tags={"a": "cat", "b": "dog"}, splits={"val": [f"gone{i}" for i in range(12)]}
    )

    status, text = run(tmp_path, "--json")

    report = json.loads(text)
    assert status == 1
    assert list(report) == ["images", "tagged", "masked", "findings"]
    assert (report["images"], report["tagged"], report["masked"]) == (2, 2, 0)
    assert report["findings"] == [
        {
            "code": "split-without-file",
            "file": str(tmp_path / "splits" / "val.txt"),
            "message": f"'gone{i}' has no image; correct the line, or remove it",
        }
        for i in range(12)
    ]


def test_json_of_a_sound_data_set_has_no_finding(tmp_path: Path) -> None:
    folders.native(tmp_path, tags={"a": "cat;dog"})

    status, text = run(tmp_path, "--json")

    assert status == 0
    assert json.loads(text) == {"images": 1, "tagged": 1, "masked": 0, "findings": []}


@pytest.mark.parametrize(
    ("options", "quiet"), [([], False), (["--quiet"], True), (["--json"], True)]
)
def test_progress_is_shown_unless_it_would_disturb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], quiet: bool
) -> None:
    folders.native(tmp_path, tags={"a": "cat;dog"})
    asked: list[tuple[str, bool]] = []

    def bar(description: str, quiet: bool) -> type[list[object]]:
        asked.append((description, quiet))
        return list

    monkeypatch.setattr("decouplednet.progress.bar", bar)

    assert run(tmp_path, *options)[0] == 0
    assert asked == [("files", quiet)]


def test_the_command_does_not_import_torch(tmp_path: Path) -> None:
    folders.native(tmp_path / "data", tags={"a": "cat;dog"})
    folders.image(tmp_path / "photos" / "a.png")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from decouplednet.cli.check import check\n"
        "from decouplednet.cli.init import init\n"
        f"check(Path({str(tmp_path / 'data')!r}))\n"
        f"init(Path({str(tmp_path / 'photos')!r}))\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def write_animation(root: Path) -> Path:
    folders.native(root, tags={"a": "cat;dog"}, masks={"a": [1]})
    path = root / "images" / "b.gif"
    pictures = [Image.new("L", (7, 5), grey) for grey in (1, 2)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    return path


def test_notes_are_shown_and_are_no_faults(tmp_path: Path) -> None:
    path = write_animation(tmp_path)

    status, text = run(tmp_path)

    assert status == 0
    assert "first-frame │      1 │" in text
    assert f"{path}: holds 2 pictures, of which the first is taken" in text
    assert text.endswith("\n2 images, 1 tagged, 1 masked: no faults, 1 note\n")


def test_several_notes_are_counted_beside_the_faults(tmp_path: Path) -> None:
    path = write_animation(tmp_path)
    path.with_name("c.gif").write_bytes(path.read_bytes())
    path.with_name("d.gif").write_bytes(b"")

    status, text = run(tmp_path)

    assert status == 1
    assert text.endswith("\n4 images, 1 tagged, 1 masked: 1 fault, 2 notes\n")


def test_json_has_notes_where_there_are_some(tmp_path: Path) -> None:
    path = write_animation(tmp_path)

    status, text = run(tmp_path, "--json")

    assert status == 0
    assert json.loads(text)["notes"] == [
        {
            "code": "first-frame",
            "file": str(path),
            "message": "holds 2 pictures, of which the first is taken",
        }
    ]
