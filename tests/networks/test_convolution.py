import pytest
import torch
import torch.nn.functional as F

from decouplednet.networks.convolution import normalised_convolution


@pytest.mark.parametrize("kernel", [1, 3])
def test_it_equals_a_plain_reading_and_keeps_the_size(kernel: int) -> None:
    torch.manual_seed(0)
    layers = normalised_convolution(3, 4, kernel).double()
    x = torch.randn(2, 3, 5, 6, dtype=torch.float64)

    got = layers(x)

    y = F.conv2d(x, layers.state_dict()["0.weight"], padding=kernel // 2)
    mean = y.mean(dim=(0, 2, 3), keepdim=True)
    variance = y.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
    assert got.shape == (2, 4, 5, 6)
    torch.testing.assert_close(got, ((y - mean) / (variance + 1e-5).sqrt()).clamp(min=0))
