from pathlib import Path

import pytest

from decouplednet.annotations.formats import xml_parts as module
from decouplednet.annotations.formats.xml_parts import xml_parts
from decouplednet.errors import DataError


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("chunk", [1, 7, 2**16])
def test_the_elements_below_the_root_come_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    path = written(
        tmp_path / "a.xml",
        '<?xml version="1.0" encoding="utf-8"?>\n<r k="v">text<a x="1"><b>caf\u00e9</b>t</a><!-- '
        "<c/> --><d/></r>\n",
    )

    first, second = xml_parts(path)

    assert (first.tag, first.attrib, first.findtext("b")) == ("a", {"x": "1"}, "caf\u00e9")
    assert (second.tag, list(second)) == ("d", [])


def test_one_element_is_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 16)
    path = written(tmp_path / "a.xml", f"<r>{'<a/>' * 100}<broken")
    parts = xml_parts(path)

    assert [next(parts).tag for _ in range(99)] == ["a"] * 99
    with pytest.raises(DataError, match=r"a\.xml: not an XML file: unclosed token: line 1, col"):
        list(parts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an XML file: no element found: line 1, column 0"),
        ("<r><a></r>", "not an XML file: mismatched tag: line 1, column 8"),
        (
            '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><r>&b;</r>',
            "has a document type (r); remove its line <!DOCTYPE ...>",
        ),
        (
            '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
            "has a document type (r); remove its line <!DOCTYPE ...>",
        ),
        ("<a>" * 17, "elements are nested more than 16 deep"),
        ('<?xml version="1.0" encoding="klingon"?><r/>', "not an XML file: unknown encoding"),
    ],
)
def test_what_is_no_xml_or_may_grow_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path / "a.xml", text)

    with pytest.raises(DataError) as caught:
        list(xml_parts(path))
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_an_element_may_not_be_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 64)
    monkeypatch.setattr(module, "_LARGEST", 1000)
    path = written(tmp_path / "a.xml", f'<r><a x="{"1, " * 1000}"/></r>')

    with pytest.raises(DataError, match=r"a\.xml: an element has more than 1000 bytes$"):
        list(xml_parts(path))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.xml: cannot be read: No such file or directory$"):
        list(xml_parts(tmp_path / "a.xml"))
