import re
from pathlib import Path
from typing import Any

import pytest

from decouplednet.errors import DataError
from decouplednet.prelabel.disagreements import Disagreement
from decouplednet.prelabel.journal import Begun, Done, Journal

BEGUN = Begun(
    model="ab12",
    classes=["cat", "dog"],
    hard=False,
    suggest_above=0.95,
    tile=None,
    certainty={"background": 0.5, "cat": 0.25},
)


def done(image: str, confidence: float = 0.5, tags: tuple[str, ...] | None = ("cat",)) -> Done:
    return Done(
        image=image,
        tags=tags,
        size=(37, 53),
        confidence=confidence,
        of_class={"background": 0.75, "cat": 0.25},
        disagreements=(Disagreement("dog", "vetoed", 0.7, 0.0),),
        unsure=0.125,
    )


def written(path: Path, *those: Done) -> Journal:
    journal = Journal(path)
    with journal.writing(BEGUN):
        for one in those:
            journal.add(one)
    return journal


def test_what_is_added_is_there_for_a_later_call(tmp_path: Path) -> None:
    those = [done("a"), done("sub/b", 0.25, None), done("c", 1.0, ())]
    first = written(tmp_path / "out/journal.jsonl", *those)
    later = written(tmp_path / "out/journal.jsonl")

    for journal in (first, later):
        assert [*journal] == ["a", "sub/b", "c"]
        assert [journal.done(one.image) for one in those] == those
        assert [journal.tags_of(one.image) for one in those] == [("cat",), None, ()]
        assert journal.confidence_of("sub/b") == 0.25
        assert "d" not in journal


def test_a_later_call_adds_behind_and_the_later_of_two_lines_counts(tmp_path: Path) -> None:
    written(tmp_path / "journal.jsonl", done("a"), done("b"))
    later = written(tmp_path / "journal.jsonl", done("a", 0.875), done("c"))

    assert [*later] == ["a", "b", "c"]
    assert later.done("a").confidence == 0.875
    assert later.done("b") == done("b")
    assert later.done("c") == done("c")


@pytest.mark.parametrize("cut", [1, 40])
def test_a_line_that_was_being_written_is_forgotten(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal.jsonl"
    written(path, done("a"), done("b"))
    path.write_bytes(path.read_bytes()[:-cut])

    later = written(path, done("c"))

    assert [*later] == ["a", "c"]
    assert written(path).done("c") == done("c")


def test_a_file_that_was_cut_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"format_version":1,"mo')

    assert [*written(path, done("a"))] == ["a"]
    assert [*written(path)] == ["a"]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path, done("a"))
    start = path.stat().st_size
    path.write_bytes(path.read_bytes() + b'{"image": "b"}\n')

    message = f"{path}: damaged at byte {start}; choose another --out, or remove the folder"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        written(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "cd34"}, "another model"),
        ({"hard": True}, "hard = False, not True"),
        ({"suggest_above": 0.5}, "suggest_above = 0.95, not 0.5"),
        ({"tile": 512}, "tile = None, not 512"),
        ({"classes": ["cat"]}, "classes = ['cat', 'dog'], not ['cat']"),
        ({"certainty": None}, "certainty = {'background': 0.5, 'cat': 0.25}, not None"),
        ({"format_version": 2}, "format_version = 1, not 2"),
    ],
)
def test_other_rules_are_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "journal.jsonl"
    written(path, done("a"))
    before = path.read_bytes()

    message = f"{path}: was begun with {said}; go on as it was begun, or choose another --out"
    with (
        pytest.raises(DataError, match=f"^{re.escape(message)}$"),
        Journal(path).writing(BEGUN.model_copy(update=change)),
    ):
        raise AssertionError

    assert path.read_bytes() == before


def test_a_line_that_does_not_fit_is_not_there(tmp_path: Path) -> None:
    path, journal = tmp_path / "journal.jsonl", Journal(tmp_path / "journal.jsonl")
    with journal.writing(BEGUN):
        journal.add(done("a"))
        assert journal._stream is not None
        stream, journal._stream = journal._stream, _Full(journal._stream)  # type: ignore[assignment]  # half a stream
        message = f"{path}: cannot be written: No space left on device; free space or choose"
        with pytest.raises(DataError, match=f"^{re.escape(message)}"):
            journal.add(done("b"))
        journal._stream = stream
        journal.add(done("c"))

    assert [*written(path)] == ["a", "c"]


class _Full:
    """A stream that takes half of a line."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.seek, self.truncate = stream.seek, stream.truncate

    def write(self, line: bytes) -> int:
        taken: int = self._stream.write(line[: len(line) // 2])
        return taken


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file/journal.jsonl"

    with (
        pytest.raises(DataError, match=rf"^{re.escape(str(path))}: cannot be written: "),
        Journal(path).writing(BEGUN),
    ):
        raise AssertionError


def test_a_file_that_was_changed_meanwhile_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = written(path, done("a"))
    path.write_bytes(b"")

    message = f"{path}: was changed meanwhile; call once more"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        journal.done("a")


def test_a_closed_journal_takes_no_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the journal is not open for writing"):
        Journal(tmp_path / "journal.jsonl").add(done("a"))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.mkdir()

    message = f"{path}: cannot be read: Is a directory"
    with (
        pytest.raises(DataError, match=f"^{re.escape(message)}$"),
        Journal(path).writing(BEGUN),
    ):
        raise AssertionError
