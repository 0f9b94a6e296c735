import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from decouplednet.annotations.formats import json_items as module
from decouplednet.annotations.formats.json_items import json_items
from decouplednet.errors import DataError


def items(path: Path, keys: tuple[str, ...] = ("a", "b"), **limits: int) -> list[tuple[str, Any]]:
    return list(json_items(path, keys, **limits))


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode())
    return path


def drawn_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(8 if depth < 3 else 6)
    if kind == 6:
        return [drawn_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return {f'k{i}\\"]}}': drawn_value(rng, depth + 1) for i in range(rng.randrange(4))}
    text = "".join(rng.choice('ab"\\[]{},: \u00e9\U0001f600\n') for _ in range(rng.randrange(9)))
    return [None, True, rng.randrange(10**12), rng.random() * 1e-7, text, -3][kind]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 2**16])
@pytest.mark.parametrize("indent", [None, 2])
def test_elements_are_those_that_the_whole_file_parsed_at_once_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, indent: int | None
) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    rng = random.Random(3)  # noqa: S311 - no secret
    whole = {
        "x": drawn_value(rng),
        "a": [drawn_value(rng) for _ in range(20)],
        "other": [drawn_value(rng) for _ in range(5)],
        "b": [drawn_value(rng) for _ in range(20)],
        "y": [],
    }
    path = written(tmp_path, json.dumps(whole, indent=indent, ensure_ascii=rng.random() < 0.5))

    expected = [
        (key, element)
        for key in ("a", "b")
        for element in (None, *(one for one in whole[key] if one is not None))
    ]
    assert items(path) == expected


def test_arrays_that_are_empty_or_come_twice_are_announced(tmp_path: Path) -> None:
    path = written(tmp_path, ' \n{ "a" : [ ] , "b":[1,2 ],"a":[ 3]}\n ')

    assert items(path) == [("a", None), ("b", None), ("b", 1), ("b", 2), ("a", None), ("a", 3)]


def test_what_is_no_array_is_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, '{"a": {"a": [1]}, "b": null, "c": "[", "d": [{"a": [2]}]}')

    assert items(path) == []
    assert items(written(tmp_path, "{}")) == []


def test_the_mark_that_some_programs_put_at_the_start_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": [1]}')

    assert items(path) == [("a", None), ("a", 1)]


def test_elements_before_a_fault_are_given(tmp_path: Path) -> None:
    given = json_items(written(tmp_path, '{"a": [1, 2'), ("a",))

    assert [next(given) for _ in range(2)] == [("a", None), ("a", 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no sound JSON: expected {, but the file ends there, cut short"),
        ("[1]", "no sound JSON: expected {, but character 1 is '['"),
        ('{"a": [1, 2', "no sound JSON: expected , or ], but the file ends there, cut short"),
        ('{"a": [1 2]}', "no sound JSON: expected , or ], but character 10 is '2'"),
        ('{"a"; [1]}', "no sound JSON: expected :, but character 5 is ';'"),
        (
            '{"a": [1]} {',
            "no sound JSON: expected nothing after the object that the file is, but character 12 "
            "is '{'",
        ),
        (
            '{"a": [{"x": 1]}',
            "the value at character 8 is no sound JSON, or the file is cut short; export it anew",
        ),
        (
            '{"a": ["x',
            "the value at character 8 is no sound JSON, or the file is cut short; export it anew",
        ),
        (
            '{"a": [' + "[" * 200_000 + "]" * 200_000 + "]}",
            "the value at character 8 is nested too deep; export it anew",
        ),
    ],
)
def test_what_is_no_sound_json_is_told_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    path = written(tmp_path, text)

    with pytest.raises(DataError) as refusal:
        items(path)

    assert str(refusal.value) == f"{path}: {message}"


def test_places_count_from_the_start_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 4)
    path = written(tmp_path, '{"a": [11, 22, 33 44]}')

    with pytest.raises(DataError, match=r"expected , or \], but character 19 is '4'$"):
        items(path)


def test_an_element_that_is_longer_than_any_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 16)
    sound = written(tmp_path, json.dumps({"a": ["x" * 50] * 40}))
    assert len(items(sound, longest=100)) == 41
    path = written(tmp_path, json.dumps({"a": ["x" * 500]}))

    with pytest.raises(DataError) as refusal:
        items(path, longest=100)

    assert str(refusal.value) == (
        f"{path}: the value at character 8 is no sound JSON, or has more than 100 characters; "
        "export it anew"
    )


def test_other_encodings_missing_files_and_pipes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes('{"a": ["\u00e9"]}'.encode("latin-1"))
    with pytest.raises(DataError, match=r"x\.json: not UTF-8 text; save it as UTF-8$"):
        items(path)
    with pytest.raises(DataError, match=r"y\.json: cannot be read: No such file or directory$"):
        items(tmp_path / "y.json")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match=r"pipe\.json: it is no regular file$"):
        items(tmp_path / "pipe.json")
