"""The export JSON-MIN: one record an annotation."""

from pathlib import Path
from typing import Any

import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.label_studio import LabelStudioSource
from decouplednet.annotations.formats.source import Said
from tests.annotations.formats import label_studio_files as made

SIZE = {"original_width": 53, "original_height": 37}
REGION = {"points": [[10.0, 10.0], [50.0, 10.0], [50.0, 60.0]], "closed": True, **SIZE}


def record(number: int = 7, hour: int = 3, who: int = 1, **outputs: object) -> dict[str, Any]:
    """Return a record in the order of keys in which Label Studio writes it."""
    return {
        "image": f"/data/upload/3/0a1b2c3d-{number}.jpg",
        "caption": "a dog",
        "id": number,
        **outputs,
        "annotator": who,
        "annotation_id": 22,
        "created_at": "2024-01-30T02:40:43.893565Z",
        "updated_at": f"2024-01-30T{hour:02d}:40:43.893578Z",
        "lead_time": 8.6,
    }


def read(root: Path, *records: object) -> list[Said | Finding]:
    file = made.write(root / "export.json", records)
    return list(LabelStudioSource(root, (file,)).read(file))


def test_regions_and_choices_are_read_by_what_they_hold(tmp_path: Path) -> None:
    several = {"choices": ["night", "rain"]}
    region = {**REGION, "polygonlabels": ["cat"]}
    (one, other) = read(
        tmp_path,
        record(label=[region], weather=several, place="indoor"),
        record(8, label=[region], hidden=[{**region, "choices": ["yes"]}]),
    )

    assert isinstance(one, Said)
    assert (one.image, one.tags) == (
        "0a1b2c3d-7.jpg",
        frozenset({"cat", "night", "rain", "indoor"}),
    )
    assert one.drawn == {"cat"}
    assert one.mask is not None
    (part,) = one.mask.details()["parts"]
    assert part["polygons"] == [[5.3, 3.7, 26.5, 3.7, 26.5, 22.2]]
    assert isinstance(other, Said)
    assert (other.tags, other.drawn) == (None, frozenset({"cat"}))


def test_the_records_of_a_task_are_its_annotations(tmp_path: Path) -> None:
    everything = read(
        tmp_path,
        record(7, 5, who=2, place="old"),
        record(7, 9, who=1, place="latest"),
        record(8, place="next"),
    )

    *first, note = everything
    assert [one.tags for one in first if isinstance(one, Said)] == [
        frozenset({"latest"}),
        frozenset({"next"}),
    ]
    assert isinstance(note, Finding)
    assert note.message.endswith(
        "of task 7 that of 1, not that of 2; cancel the others in Label Studio if another shall "
        "count"
    )


def test_a_task_that_nobody_annotated_says_nothing(tmp_path: Path) -> None:
    bare = {"image": "a.jpg", "id": 7, "annotator": "{}", "annotation_id": None, "lead_time": None}

    assert read(tmp_path, bare) == [Said("a.jpg")]


def test_where_the_data_may_stand_among_the_outputs_text_is_no_choice(tmp_path: Path) -> None:
    region = {**REGION, "polygonlabels": ["cat"]}

    (one,) = read(tmp_path, {"id": 7, "image": "a.jpg", "text": "a dog", "label": [region]})

    assert isinstance(one, Said)
    assert (one.image, one.tags, one.drawn) == ("a.jpg", None, frozenset({"cat"}))


@pytest.mark.parametrize("nonsense", [7, [7], None])
def test_what_is_no_record_is_named(tmp_path: Path, nonsense: object) -> None:
    # The first record tells the kind of the file.
    everything = read(tmp_path, record(), nonsense)

    file = str(tmp_path / "export.json")
    assert everything[1] == Finding("no-image-named", file, "entry 2: it is no task; export anew")
