"""The elements of a JSON file that is one array."""

import json
from pathlib import Path

import pytest

from decouplednet.annotations.formats.json_items import list_items
from decouplednet.errors import DataError


def test_elements_come_one_after_the_other(tmp_path: Path) -> None:
    elements: list[object] = [{"a": [1, 2.5, "x\u00e9"]}, None, "text", [], 7]
    elements += [{"number": number, "more": "y" * 1000} for number in range(500)]
    (tmp_path / "a.json").write_text(json.dumps(elements, indent=1))

    assert list(list_items(tmp_path / "a.json")) == elements


def test_an_empty_array_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(" [ ]\n")

    assert list(list_items(tmp_path / "a.json")) == []


def test_what_comes_before_a_fault_is_given(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[1, {"a": 2}, nonsense]')

    items = list_items(tmp_path / "a.json")

    assert [next(items), next(items)] == [1, {"a": 2}]
    with pytest.raises(DataError, match=r"the value at character 15 is no sound JSON"):
        next(items)


def test_an_element_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(["x" * 10, "y" * 200_000]))

    items = list_items(tmp_path / "a.json", longest=100_000)

    assert next(items) == "x" * 10
    with pytest.raises(DataError, match=r"or has more than 100000 characters; export it anew$"):
        next(items)


def test_an_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")

    with pytest.raises(DataError, match=r"expected \[, but character 1 is '\{'$"):
        list(list_items(tmp_path / "a.json"))
