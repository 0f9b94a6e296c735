"""Another library's parts as one network, and its encoder's start from a weights file."""

import pytest
import torch

from benchmarks.peer_network import load_encoder
from decouplednet.errors import ModelError
from tests.benchmarks.small_peer import SmallEncoder, small


def test_it_computes_head_of_decoder_of_encoder() -> None:
    torch.manual_seed(0)
    network = small(3).eval()
    image = torch.randn(2, 3, 32, 64)
    got = network(image)

    assert got.shape == (2, 4, 32, 64)
    torch.testing.assert_close(got, network.head(network.decoder(network.encoder(image))))


def test_everything_learns_and_all_but_the_encoder_starts_from_scratch() -> None:
    network = small(3).eval()
    network.start_learning()

    assert all(part.training for part in network.modules())
    assert all(weight.requires_grad for weight in network.parameters())
    assert network.parts_from_scratch() == (network.decoder, network.head)


def test_an_encoder_gets_half_floats_as_its_own_and_leaves_out_what_is_fully_connected() -> None:
    torch.manual_seed(1)
    encoder = SmallEncoder()
    tensors = {
        name: torch.randn_like(tensor).half() for name, tensor in encoder.state_dict().items()
    }
    load_encoder(encoder, {**tensors, "classifier.0.weight": torch.zeros(2, 2)})

    for name, tensor in encoder.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, tensors[name].float())
        assert encoder.get_parameter(name).requires_grad


@pytest.mark.parametrize("fault", ["missing", "too many", "other shape"])
def test_weights_of_another_encoder_are_refused_and_change_nothing(fault: str) -> None:
    encoder = SmallEncoder()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    tensors = {name: torch.ones_like(tensor) for name, tensor in before.items()}
    if fault == "missing":
        del tensors["features.1.bias"]
    else:
        tensors["features.1.bias" if fault == "other shape" else "features.2.bias"] = torch.ones(9)

    with pytest.raises(
        ModelError,
        match=r"do not fit the peer's encoder in 1 tensors, of which features\.[12]\.bias is the "
        r"first; compare with a preset of VGG-16",
    ):
        load_encoder(encoder, tensors)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())
