from pathlib import Path

import pytest

from decouplednet.annotations.voc import VOC_CLASSES, read_objects
from decouplednet.errors import DataError


def test_the_classes_stand_at_the_ids_of_voc_masks() -> None:
    # Ids from the colour table published with the segmentation masks.
    ids = {"aeroplane": 1, "cat": 8, "cow": 10, "dog": 12, "person": 15, "tvmonitor": 20}

    assert {name: VOC_CLASSES.index(name) for name in ids} == ids
    assert len(VOC_CLASSES) == 20


def test_objects_are_read_and_their_parts_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(
        "<annotation><filename>a.jpg</filename>"
        "<object><name> person </name><part><name>head</name></part></object>"
        "<object><name>dog</name><difficult>1</difficult></object>"
        "<object><pose/></object><object><name>dog</name></object></annotation>"
    )

    assert read_objects(path) == {"person", "dog"}


def test_a_file_that_is_no_xml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<annotation><object>")

    with pytest.raises(DataError, match=r"a\.xml: not an XML file: no element found"):
        read_objects(tmp_path / "a.xml")


@pytest.mark.parametrize("encoding", ["klingon", "utf-7"])
def test_a_file_of_another_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.xml").write_text(f'<?xml version="1.0" encoding="{encoding}"?><annotation/>')

    with pytest.raises(DataError, match=r"a\.xml: not an XML file: [^\n]+$"):
        read_objects(tmp_path / "a.xml")


def test_accents_are_composed(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        "<annotation><object><name>cafe\u0301</name></object></annotation>", encoding="utf-8"
    )

    assert read_objects(tmp_path / "a.xml") == {"caf\u00e9"}


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.xml: cannot be read: No such file"):
        read_objects(tmp_path / "a.xml")


def test_entities_that_grow_without_measure_are_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(9))
    (tmp_path / "a.xml").write_text(
        f'<!DOCTYPE x [<!ENTITY a0 "{"o" * 100}">{entities}]><annotation>&a9;</annotation>'
    )

    with pytest.raises(DataError, match=r"a\.xml: not an XML file: limit on input amplification"):
        read_objects(tmp_path / "a.xml")
