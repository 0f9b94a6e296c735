import pytest

from decouplednet.annotations.special_names import (
    means_background,
    means_ignored,
    tidy_name,
)


@pytest.mark.parametrize(
    ("name", "background", "ignored"),
    [
        ("background", True, False),
        ("Background", True, False),
        ("_background_", True, False),
        ("__BACKGROUND__", True, False),
        ("ignore", False, True),
        ("Ignored", False, True),
        ("unlabeled", False, True),
        ("Unlabelled", False, True),
        ("255", False, True),
        ("cat", False, False),
        ("back ground", False, False),
        ("", False, False),
    ],
)
def test_some_names_are_no_classes(name: str, background: bool, ignored: bool) -> None:
    assert means_background(name) is background
    assert means_ignored(name) is ignored


def test_names_are_composed_and_have_no_spaces_at_their_ends() -> None:
    assert tidy_name("  cafe\u0301 au lait\t") == "caf\u00e9 au lait"
