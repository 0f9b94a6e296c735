import pytest
from rich.console import Console

from decouplednet.progress import bar, notice


@pytest.mark.parametrize(("quiet", "shown"), [(False, True), (True, False)])
def test_a_bar_shows_its_description_on_standard_error_unless_it_shall_be_quiet(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quiet: bool,
    shown: bool,
) -> None:
    monkeypatch.setattr(Console, "is_terminal", True)

    assert list(bar("reading files", quiet)([3, 1, 2])) == [3, 1, 2]

    written = capsys.readouterr()
    assert written.out == ""
    assert ("reading files" in written.err) == shown


def test_brackets_in_a_description_are_shown_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Console, "is_terminal", True)
    assert list(bar("reading [cat] [/x]", quiet=False)([1])) == [1]
    assert "reading [cat] [/x]" in capsys.readouterr().err


def test_nothing_is_shown_where_standard_error_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(bar("reading files", quiet=False)(["a"])) == ["a"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("quiet", "shown"), [(False, True), (True, False)])
def test_a_notice_shows_what_is_done_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quiet: bool,
    shown: bool,
) -> None:
    monkeypatch.setattr(Console, "is_terminal", True)

    with notice("trying [out]", quiet):
        pass

    written = capsys.readouterr()
    assert written.out == ""
    assert ("trying [out]" in written.err) == shown
