import pytest
import torch

from decouplednet.networks.evidence import class_evidence


def draw(maps: int, classes: int, height: int, width: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(2)
    return 6 * torch.randn(maps, classes, height, width, generator=rng)  # some lie beyond 8


@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
def test_evidence_equals_a_reading_position_by_position(kernel: int) -> None:
    asked = torch.tensor([[True, False, True, False], [False] * 4, [True] * 4])
    scores = draw(3, 4, 5, 6)
    size = (5 + kernel - 1, 6 + kernel - 1)

    got = class_evidence(asked, scores, size)

    assert got.shape == (3, 2, *size)
    for place in range(3):
        for row in range(size[0]):
            for column in range(size[1]):
                near = (
                    min(max(row - (kernel - 1) // 2, 0), 4),
                    min(max(column - (kernel - 1) // 2, 0), 5),
                )
                here = [float(scores[place, label, near[0], near[1]]) for label in range(4)]
                for which, wanted in enumerate((True, False)):
                    of_kind = [s for s, a in zip(here, asked[place], strict=True) if a == wanted]
                    expected = min(max([-8.0, *of_kind]), 8.0) / 4
                    assert float(got[place, which, row, column]) == pytest.approx(expected)


def test_a_class_that_is_not_there_is_no_rival() -> None:
    asked = torch.tensor([[True, False, False, False], [False, True, False, True]])
    present = torch.tensor([[True, False, True, False], [True, True, False, True]])
    scores = draw(2, 4, 3, 5)

    got = class_evidence(asked, scores, (3, 5), present)

    rivals = torch.stack([scores[0, 2], scores[1, 0]])
    torch.testing.assert_close(got[:, 1], rivals.clamp(-8, 8) / 4)
    assert torch.equal(got[:, 0], class_evidence(asked, scores, (3, 5))[:, 0])


def test_a_map_without_a_rival_is_the_lowest_everywhere() -> None:
    got = class_evidence(torch.tensor([[True]]), torch.ones(1, 1, 2, 3), (2, 3))

    assert torch.equal(got[0], torch.stack([torch.full((2, 3), 0.25), torch.full((2, 3), -2.0)]))


def test_no_map_gives_no_evidence() -> None:
    got = class_evidence(torch.empty(0, 4, dtype=torch.bool), draw(0, 4, 2, 3), (4, 5))

    assert got.shape == (0, 2, 4, 5)
