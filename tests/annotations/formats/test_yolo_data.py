import sys
from pathlib import Path

import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.yolo import detect
from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from tests.annotations.formats.yolo_sets import data_set, read, source_of


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", "cat\nmouse\ndog\n\n"),
        ("labels/classes.txt", "cat\nmouse\ndog\n"),
        ("obj.names", "cat\nmouse\ndog\n"),
        ("data.yaml", "names: [cat, mouse, dog]"),
        ("other.yml", "nc: 3\nnames: {0: cat, 2: dog, 1: mouse}"),
    ],
)
def test_classes_are_named_by_a_list_or_by_yaml(tmp_path: Path, file: str, text: str) -> None:
    data_set(tmp_path, {"a": "2 0.5 0.5 0.2 0.2"}, None)
    (tmp_path / file).write_text(text)

    source = source_of(tmp_path)

    assert source.class_file == tmp_path / file
    assert source.declare().classes == ClassList(("cat", "mouse", "dog"))
    assert list(read(tmp_path)[0]) == ["a"]


def test_names_are_what_is_written_and_not_what_yaml_makes_of_it(tmp_path: Path) -> None:
    data_set(tmp_path, {"a": ""}, "names: [no, 1, 2.50, null, background, 'a;b', [x]]")

    declared = source_of(tmp_path).declare()

    assert declared.classes == ClassList(("no", "1", "2.50", "null"))
    assert [one.code for one in declared.findings] == ["bad-class-name"] * 2
    assert declared.findings[0].message.startswith("'a;b' cannot be the name of a class here")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            "names: 3",
            "bad-classes",
            "names is neither a list nor numbers with names: '3'",
        ),
        (
            "names: {cat: 0}",
            "bad-classes",
            "names is neither a list nor numbers with names: {'cat': '0'}",
        ),
        ("names: []", "no-classes", "names no class; list them under names:, or in classes.txt"),
        (
            "names: [" + ", ".join(f"class{number}" for number in range(300)) + "]",
            "bad-classes",
            "a class list holds 1 to 254 names; this one holds 300",
        ),
    ],
)
def test_a_file_that_names_no_classes_is_told(
    tmp_path: Path, text: str, code: str, message: str
) -> None:
    data_set(tmp_path, {"a": "0 0.5 0.5 0.2 0.2"}, text)

    declared = source_of(tmp_path).declare()

    assert declared.classes is None
    assert declared.findings == (Finding(code, str(tmp_path / "data.yaml"), message),)


def test_what_is_no_yaml_or_nobody_named_is_told(tmp_path: Path) -> None:
    data_set(tmp_path, {"a": "0 0.5 0.5 0.2 0.2"}, "names: [")
    (found,) = source_of(tmp_path).declare().findings
    assert found.code == "bad-classes"
    assert found.message.startswith("no YAML: while parsing a flow node")
    (tmp_path / "data.yaml").unlink()

    (found,) = source_of(tmp_path).declare().findings

    assert found == Finding(
        "no-classes",
        str(tmp_path / "data.yaml"),
        "names no class; list them under names:, or in classes.txt",
    )
    assert source_of(tmp_path).statement == "YOLO, from labels and no names of classes"
    (tmp_path / "classes.txt").write_bytes(b"\xff")
    (found,) = source_of(tmp_path).declare().findings
    assert found.code == "bad-classes"
    assert found.message.startswith("not UTF-8 text")


def test_without_the_package_one_line_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_set(tmp_path, {"a": "0 0.5 0.5 0.2 0.2"})
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(DataError) as refusal:
        detect(tmp_path)

    assert str(refusal.value) == (
        f"{tmp_path / 'data.yaml'}: reading YOLO needs pyyaml; run: pip install "
        "'decouplednet[formats]'"
    )
