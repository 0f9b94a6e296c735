"""Which folders hold exports of Label Studio."""

import json
from pathlib import Path

import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.label_studio import LabelStudioSource, detect
from decouplednet.annotations.formats.source import Said, Source
from tests.annotations.formats import label_studio_files as made


def test_exports_are_told_by_their_beginning(tmp_path: Path) -> None:
    brush = {"format": "rle", "rle": [9] * 9000}
    first = made.write(tmp_path / "b.json", [made.task(7, [made.annotation([])])])
    small = {"image": "a.jpg", "id": 7, "label": [{**brush, "brushlabels": ["cat"]}]}
    second = made.write(tmp_path / "annotations" / "a.json", [small])
    made.write(tmp_path / "coco.json", {"images": [], "annotations": [{"result": 1}]})
    made.write(tmp_path / "results.json", [{"image_id": 1, "lead_time": 2}])
    made.write(tmp_path / "other.json", [{"data": 1}])
    (tmp_path / ".hidden.json").write_text(first.read_text())
    (tmp_path / "images").mkdir()

    source = detect(tmp_path)

    assert source == LabelStudioSource(tmp_path, (first, second))
    assert source is not None
    assert source.statement == "Label Studio JSON and JSON-MIN, from b.json, a.json"
    assert list(source.annotation_files()) == [first, second]
    assert (source.name, source.images) == ("label_studio", tmp_path / "images")
    assert (source.apart, source.loose) == ((), True)
    assert (source.splits, source.class_file) == (tmp_path / "splits", tmp_path / "classes.txt")
    assert source.declare().findings == ()
    _: type[Source] = LabelStudioSource


def test_without_a_folder_of_images_they_lie_in_the_whole_folder(tmp_path: Path) -> None:
    assert LabelStudioSource(tmp_path, ()).images == tmp_path


@pytest.mark.parametrize("own", ["images/masks", "JPEGImages", "tags.csv"])
def test_a_data_set_in_another_layout_is_left_alone(tmp_path: Path, own: str) -> None:
    made.write(tmp_path / "b.json", [made.task(7, [])])
    if own == "tags.csv":
        (tmp_path / own).touch()
    for name in own.split("/") if own != "tags.csv" else ():
        (tmp_path / name).mkdir()

    assert detect(tmp_path) is None


def test_a_project_that_was_exported_twice_is_named(tmp_path: Path) -> None:
    names = [
        "project-3-at-2024-01-30-02-40-0a1b2c3d.json",
        "project-3-at-2024-02-01-09-00-1a1b2c3d.json",
        "project-4-at-2024-02-01-09-00-1a1b2c3d.json",
    ]
    for name in names:
        made.write(tmp_path / name, [made.task(7, [])])
    source = detect(tmp_path)

    assert source is not None
    assert source.declare().findings == (
        Finding(
            "several-exports",
            str(tmp_path / names[1]),
            f"is of the same project as {names[0]}; remove the older export",
        ),
    )


def test_a_mark_at_the_start_of_the_file_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text("\ufeff" + json.dumps([made.task(7, [])]), encoding="utf-8")

    source = detect(tmp_path)

    assert source is not None
    assert list(source.read(file)) == [Said("0a1b2c3d-cow.jpg")]
