from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.label_studio import NOTES, LabelStudioSource
from decouplednet.annotations.formats.source import Said
from decouplednet.annotations.writers.brush import encode_brush
from decouplednet.errors import DataError
from tests.annotations.formats import label_studio_files as made
from tests.annotations.formats.pixels import drawn

SIZE = (37, 53)
SQUARE = ((5, 2), (48, 2), (48, 30), (5, 30))


def read(root: Path, *tasks: object) -> list[Said | Finding]:
    """Write an export of tasks and return what is said of their images."""
    file = made.write(root / "export.json", tasks)
    return list(LabelStudioSource(root, (file,)).read(file))


def said(root: Path, *tasks: object) -> list[Said]:
    """Return what is said of the images of tasks without fault."""
    all_said = read(root, *tasks)
    assert not [one for one in all_said if isinstance(one, Finding)]
    return [one for one in all_said if isinstance(one, Said)]


def found(root: Path, *tasks: object) -> list[tuple[str, str]]:
    """Return code and message of every finding."""
    found = [one for one in read(root, *tasks) if isinstance(one, Finding)]
    assert {one.file for one in found} <= {str(root / "export.json")}
    return [(one.code, one.message) for one in found]


def test_regions_are_a_mask_and_choices_are_tags(tmp_path: Path) -> None:
    brush = np.random.default_rng(0).random(SIZE) < 0.4
    rle = {"format": "rle", "rle": encode_brush(brush)}
    results = [
        made.result("brushlabels", rle, "cat"),
        made.polygon("dog", *SQUARE),
        made.choice("indoor", "night"),
    ]

    (one,) = said(tmp_path, made.task(7, [made.annotation(results)]))

    assert one.image == "0a1b2c3d-cow.jpg"
    assert one.tags == frozenset({"cat", "dog", "indoor", "night"})
    assert one.drawn == {"cat", "dog"}
    assert one.mask is not None
    assert one.mask.file == tmp_path / "export.json"
    details = one.mask.details()
    assert (details["size"], details["rest"]) == ([37, 53], 0)
    assert details["parts"][0] == {"class": "cat", "brush": rle["rle"]}
    assert details["parts"][1]["class"] == "dog"


def test_outlines_alone_leave_the_tags_to_the_mask_and_boxes_do_not(tmp_path: Path) -> None:
    box = {"x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0, "rotation": 0}
    shapes = [
        [made.polygon("dog", *SQUARE)],
        [made.polygon("dog", *SQUARE), made.result("rectanglelabels", box, "cat")],
        [made.result("keypointlabels", {"x": 50.0, "y": 50.0, "width": 0.5}, "cat")],
    ]

    whole, boxed, pointed = said(
        tmp_path,
        *(made.task(7, [made.annotation(results)], f"{7}.jpg") for results in shapes),
    )

    assert (whole.tags, whole.drawn) == (None, frozenset({"dog"}))
    assert (boxed.tags, boxed.drawn) == (frozenset({"cat", "dog"}), frozenset({"cat", "dog"}))
    assert pointed.tags == frozenset({"cat"})
    rests = [one.mask.details()["rest"] for one in (whole, boxed, pointed) if one.mask]
    assert rests == [0, 255, 255]


def test_later_regions_lie_on_top(tmp_path: Path) -> None:
    over = [made.polygon("dog", *SQUARE), made.polygon("cat", (20, 10), (30, 10), (30, 20))]

    (one,) = said(tmp_path, made.task(7, [made.annotation(over)]))

    names = drawn(one.mask, SIZE)
    assert [names[12, 28], names[25, 10], names[0, 0]] == ["cat", "dog", ""]


def test_the_latest_annotation_that_was_not_cancelled_counts(tmp_path: Path) -> None:
    annotations = [
        made.annotation([made.choice("old")], 3),
        made.annotation([made.choice("latest")], 9),
        made.annotation([made.choice("older")], 5),
        made.annotation([made.choice("cancelled")], 11, was_cancelled=True),
        made.annotation([made.choice("skipped")], 12, skipped=True),
    ]

    (one,) = said(tmp_path, made.task(7, annotations))

    assert (one.tags, one.mask) == (frozenset({"latest"}), None)


@pytest.mark.parametrize(
    ("times", "place"),
    [
        ([{"updated_at": None}, {"updated_at": None, "created_at": "2024-01-30T09:00:00"}], 1),
        ([{"updated_at": "2024-01-30T05:00:00+01:00"}, {"updated_at": "2024-01-30T04:30:00Z"}], 1),
        ([{"updated_at": "2024-01-30T07:00:00+01:00"}, {"updated_at": "2024-01-30T05:30:00Z"}], 0),
        ([{"updated_at": "soon", "created_at": 7}, {"updated_at": "", "created_at": ""}], 1),
    ],
)
def test_times_are_compared_whatever_their_zone(
    tmp_path: Path, times: list[dict[str, Any]], place: int
) -> None:
    annotations = [
        made.annotation([made.choice(f"c{number}")], **time) for number, time in enumerate(times)
    ]

    (one,) = said(tmp_path, made.task(7, annotations))

    assert one.tags == frozenset({f"c{place}"})


def test_drafts_and_predictions_do_not_count(tmp_path: Path) -> None:
    drafts = [{"result": [made.choice("draft")]}]
    predictions = [{"result": [made.choice("predicted")]}]

    none, cancelled, empty, older = said(
        tmp_path,
        made.task(1, [], drafts=drafts, predictions=predictions),
        made.task(2, [made.annotation([made.choice("cat")], was_cancelled=True)]),
        made.task(3, [made.annotation([])], predictions=predictions),
        {
            "id": 4,
            "completions": [{"result": [made.choice("cat")]}],
            "data": {"image": "s3://pictures/farm/cow.jpg"},
        },
    )

    assert none == cancelled == Said("0a1b2c3d-cow.jpg")
    assert empty == Said("0a1b2c3d-cow.jpg", tags=frozenset())  # looked at, and nothing there
    assert older == Said("farm/cow.jpg", tags=frozenset({"cat"}))


def test_labels_beside_their_shape_are_read_once(tmp_path: Path) -> None:
    points = {"points": [[1.0, 1.0], [9.0, 1.0], [9.0, 9.0]]}
    shape = made.result("polygon", points, id="one")
    del shape["value"]["polygon"]
    results = [
        shape,
        made.result("labels", points, "cat", id="one"),
        {"id": "one", "type": "choices", "value": {**points, "choices": ["hidden"]}},
        {"type": "relation", "from_id": "one", "to_id": "one", "direction": "right"},
        {"id": "two", "type": "textarea", "value": {"text": ["a cat"]}},
        "nonsense",
    ]

    (one,) = said(tmp_path, made.task(7, [made.annotation(results)]))  # type: ignore[arg-type]

    assert (one.tags, one.drawn) == (None, frozenset({"cat"}))
    assert one.mask is not None
    assert len(one.mask.details()["parts"]) == 1


def test_several_people_are_told_in_one_note(tmp_path: Path) -> None:
    annotations = [
        made.annotation([made.choice("cat")], 5, who=3),
        made.annotation([made.choice("dog")], 7, who=1),
        made.annotation([made.choice("cow")], 6, completed_by={"id": 9, "email": "eve@farm"}),
        made.annotation([made.choice("cow")], 6, who=1),
    ]
    alone = [made.annotation([], 5), made.annotation([], 7)]

    everything = read(tmp_path, made.task(7, annotations), made.task(8, alone))

    *first, note = everything
    assert [one.tags for one in first if isinstance(one, Said)] == [{"dog"}, frozenset()]
    assert isinstance(note, Finding)
    assert note.code in NOTES
    assert note.message == (
        "1 task has annotations of several people, and the latest counts: of task 7 that of 1, not "
        "that of 3, eve@farm; cancel the others in Label Studio if another shall count"
    )
    ((_, message),) = found(tmp_path, *(made.task(number, annotations) for number in range(3)))
    assert message.startswith("3 tasks have annotations of several people, and the latest counts: ")


def test_one_bad_task_hides_no_other(tmp_path: Path) -> None:
    bad = made.polygon("cat", (1, 1), (2, 2))
    everything = read(
        tmp_path,
        made.task(7, [made.annotation([bad])]),
        made.task(8, [made.annotation([made.choice("cat")])]),
    )

    assert everything == [
        Finding(
            "bad-shape",
            str(tmp_path / "export.json"),
            "task 7: the polygon of 'cat' is not finished (2 points); close it, or remove it",
        ),
        Said("0a1b2c3d-cow.jpg", tags=frozenset({"cat"})),
    ]


@pytest.mark.parametrize(
    ("results", "code", "message"),
    [
        (
            [made.polygon("cat", *SQUARE), {**made.polygon("cat", *SQUARE), "original_width": 54}],
            "uneven-size",
            "task 7: its regions were drawn on pictures of 53 x 37 and 54 x 37 pixels; draw them "
            "anew on one",
        ),
        (
            [made.result("bitmasklabels", {"imageDataURL": "data:"}, "cat")],
            "unread-shape",
            "task 7: a region of bitmasklabels is not read; draw it with a brush or a polygon",
        ),
        (
            [made.result("vector", {"vertices": []}, "cat")],
            "unread-shape",
            "task 7: a region of vector is not read; draw it with a brush or a polygon",
        ),
        (
            [made.result("rectangle", {"x": 1, "y": 1, "width": 9, "height": 9})],
            "shape-without-class",
            "task 7: a region has no class; choose one in Label Studio, or remove it",
        ),
        (
            [made.polygon("cat", *SQUARE) | {"original_height": None}],
            "no-size",
            "task 7: a region lacks original_width or original_height, without which percentages "
            "are no pixels; open the task in Label Studio, update it, and export anew",
        ),
    ],
)
def test_an_annotation_that_cannot_be_used_is_named_with_its_task(
    tmp_path: Path, results: list[dict[str, Any]], code: str, message: str
) -> None:
    assert found(tmp_path, made.task(7, [made.annotation(results)])) == [(code, message)]


def test_a_name_that_no_class_can_have_is_said_once(tmp_path: Path) -> None:
    bad = [made.annotation([made.choice("a,b")])]

    messages = found(tmp_path, *(made.task(number, bad) for number in (3, 5, 8)))

    assert messages == [
        (
            "bad-class-name",
            "task 3 and 2 more: 'a,b' cannot be the name of a class here: a name is a text other "
            "than '?', without ; , and control characters; rename the class and export anew",
        )
    ]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (7, "entry 1: it has no data; export the whole task"),
        ({"id": 9}, "task 9: it has no data; export the whole task"),
        (
            {"id": "x", "data": {}, "annotations": []},
            "entry 1: its data holds no address of an image; export the whole task",
        ),
    ],
)
def test_what_is_no_task_is_named(tmp_path: Path, task: object, message: str) -> None:
    assert found(tmp_path, task) == [("no-image-named", message)]


def test_hostile_values_are_refused_in_one_line(tmp_path: Path) -> None:
    values: list[object] = [None, [], {}, "x", 7, 1e400, True]
    for kind in ("polygonlabels", "brushlabels", "rectanglelabels", "choices", "labels"):
        for key in ("points", "rle", "radiusX", "height", "choices"):
            for value in values:
                results = [made.result(kind, {key: value}, "cat", id=value)]
                read(tmp_path, made.task(7, [made.annotation(results, created_at=value)]))
    read(tmp_path, made.task(7, [made.annotation(None)]), made.task(8, [{"result": 7}]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{", r"export\.json: the value at character 2 is no sound JSON, or the file is cut sho"),
        ("[1] x", r"expected nothing after the array that the file is, but character 5 is 'x'$"),
        ("", r"export\.json: no sound JSON: expected \[, but the file ends there, cut short$"),
        ("[" * 100_000, r"export\.json: .* is nested too deep; export it anew$"),
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "export.json"
    file.write_text(text)

    with pytest.raises(DataError, match=message):
        list(LabelStudioSource(tmp_path, (file,)).read(file))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: cannot be read: No such file"):
        list(LabelStudioSource(tmp_path, ()).read(tmp_path / "none.json"))
