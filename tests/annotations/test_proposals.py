import pytest

from decouplednet.annotations.proposals import Proposals

NAMES = ("sub/IMG_0001", "IMG_0002", "garden cat", "garden dog")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("other/img_0001", "sub/IMG_0001"),
        ("IMAG_0002", "IMG_0002"),
        ("gardn dog", "garden dog"),
        ("IMG_0003", None),  # other digits, another photograph
        ("whale", None),
    ],
)
def test_the_image_that_a_name_may_mean_is_proposed(name: str, near: str | None) -> None:
    expected = f"did you mean {near!r}?" if near else "remove it"

    assert Proposals(NAMES).remedy(name, "remove it") == expected
