from pathlib import Path

import pytest

from decouplednet.annotations.findings import Finding, finding_of, refuse
from decouplednet.errors import DataError

FIRST = Finding("mask-size", "masks/a.png", "is too small")
SECOND = Finding("mask-size", "masks/b.png", "is too large")


def test_no_finding_refuses_nothing() -> None:
    refuse([])


def test_one_finding_is_said_alone() -> None:
    with pytest.raises(DataError, match=r"^masks/a\.png: is too small$"):
        refuse([FIRST], Path("data"))


def test_several_findings_are_counted_with_the_command_that_lists_them() -> None:
    with pytest.raises(
        DataError, match=r"^masks/a\.png: is too small \(2 more; run: decouplednet check data\)$"
    ):
        refuse([FIRST, SECOND, SECOND], Path("data"))


def test_without_a_data_set_they_are_only_counted() -> None:
    with pytest.raises(DataError, match=r"^masks/b\.png: is too large \(1 more\)$"):
        refuse([SECOND, FIRST])


def test_a_refusal_becomes_a_finding_that_says_its_path_once() -> None:
    found = finding_of("mask-size", Path("masks/a.png"), DataError("masks/a.png: is too small"))

    assert found == FIRST
    assert str(found) == "masks/a.png: is too small"
