from pathlib import Path

import pytest

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.formats.class_names import bad_name, class_name
from decouplednet.annotations.formats.file_faults import MOST, FileFaults


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("cat", "cat"),
        (" cafe\u0301 ", "caf\u00e9"),
        ("BackGround", ""),
        ("_background_", ""),
        ("cat;dog", None),
        ("cat,dog", None),
        ("cat\tdog", None),
        ("?", None),
        (" ", None),
        (7, None),
        (None, None),
    ],
)
def test_names_of_other_tools_are_tidied_or_refused(written: object, name: str | None) -> None:
    assert class_name(written) == name


def test_a_name_that_no_class_can_have_is_a_finding() -> None:
    assert bad_name(Path("a.json"), "cat;dog") == Finding(
        "bad-class-name",
        "a.json",
        "'cat;dog' cannot be the name of a class here: a name is a text other than '?', without "
        "; , and control characters; rename the class and export anew, else its pixels are ignored",
    )


def test_of_many_faults_of_a_kind_the_first_are_told_and_the_others_counted() -> None:
    faults = FileFaults(Path("a.json"))
    for number in range(MOST + 2):
        faults.add("one", f"fault {number}")
    faults.add("other", "fault")

    found = list(faults)

    assert found[0] == Finding("one", "a.json", "fault 0")
    assert [one.message for one in found[MOST:]] == [
        "fault",
        "has 2 more faults of this kind",
    ]
