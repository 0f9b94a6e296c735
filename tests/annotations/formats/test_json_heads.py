from pathlib import Path

import pytest

from decouplednet.annotations.formats.json_heads import Head, read_head


@pytest.mark.parametrize(
    ("text", "opens", "keys"),
    [
        ('[{"a": 1, "b\\"c" : {"d":[]}}]', "[", {"a", 'b\\"c', "d"}),
        (' \r\n\t{"a": "b: c"}', "{", {"a"}),
        ('\ufeff{"a": "', "{", {"a"}),
        ('"a": 1', "", set()),
        ("", "", set()),
        ('{"' + "a" * 65 + '": 1}', "{", set()),
    ],
)
def test_the_first_sign_and_the_keys_are_found(
    tmp_path: Path, text: str, opens: str, keys: set[str]
) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")

    assert read_head(tmp_path / "a.json") == Head(opens, frozenset(keys))


def test_only_the_first_kilobytes_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"a": "' + b"\xff" * 4096 + b'", "b": 1}')

    assert read_head(tmp_path / "a.json") == Head("{", frozenset({"a"}))


def test_what_cannot_be_read_has_no_head(tmp_path: Path) -> None:
    assert read_head(tmp_path) == read_head(tmp_path / "none") == Head("", frozenset())
