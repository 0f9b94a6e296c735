import pytest
import torch

from decouplednet.networks.precision import full_precision, mixed_precision


def test_autocast_does_not_act_inside_and_acts_again_after() -> None:
    x = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        with full_precision(x.device):
            inside = (x @ x).dtype
        after = (x @ x).dtype

    assert (inside, after) == (torch.float32, torch.bfloat16)


def test_tensors_without_memory_are_let_through() -> None:
    x = torch.ones(2, 3, device="meta")
    with torch.autocast("cpu", torch.bfloat16), full_precision(x.device):
        assert (x @ x.T).shape == (2, 2)


def test_without_autocast_nothing_changes() -> None:
    x = torch.ones(2, 2)
    with full_precision(x.device):
        assert (x @ x).dtype == torch.float32
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("precision", [None, torch.bfloat16, torch.float16])
def test_products_are_computed_in_the_type_asked_for_whatever_is_around(
    precision: torch.dtype | None,
) -> None:
    x = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16), mixed_precision(x.device, precision):
        assert (x @ x).dtype == (precision or torch.float32)
