from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from decouplednet.cli.init import init
from tests.annotations import folders

app = typer.Typer()
app.command()(init)


def run(path: Path) -> list[str]:
    result = CliRunner().invoke(app, [str(path)])
    assert result.exit_code == 0
    return result.stdout.splitlines()


def test_what_was_written_and_what_to_do_next_is_said(tmp_path: Path) -> None:
    folders.image(tmp_path / "images" / "cat" / "a.png")
    folders.image(tmp_path / "images" / "dog" / "b.png")
    (tmp_path / "images" / "dog" / "c.HEIC").touch()

    assert run(tmp_path / "images") == [
        f"wrote {tmp_path}/classes.txt",
        f"wrote {tmp_path}/tags.csv",
        "classes from folder names: cat, dog; delete what is none from classes.txt and tags.csv",
        "photographs that are not read: 1 (.heic); convert them to JPEG or PNG",
        "2 images, 2 tagged, 2 classes; next: look over the tags in tags.csv, draw masks into "
        f"{tmp_path}/masks, then run: "
        f"decouplednet check {tmp_path}",
    ]


@pytest.mark.parametrize(
    ("classes", "images", "remedy"),
    [
        (
            None,
            ["a.png"],
            "write the names of your classes into classes.txt and the tags into tags.csv",
        ),
        (
            "cat",
            ["a.png", "dog/b.png", "cat/c.png"],
            "replace the 2 '?' in tags.csv by tags, or leave those images untagged",
        ),
    ],
)
def test_the_next_step_fits_what_is_missing(
    tmp_path: Path, classes: str | None, images: list[str], remedy: str
) -> None:
    for name in images:
        folders.image(tmp_path / name)
    if classes is not None:
        (tmp_path / "classes.txt").write_text(classes)

    lines = run(tmp_path)

    assert (lines[0] == f"kept {tmp_path}/classes.txt") == (classes is not None)
    assert f"; next: {remedy}, draw masks into {tmp_path}/masks, then run: " in lines[-1]
