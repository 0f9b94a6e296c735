import pytest
import torch

from decouplednet.export.graphs import ClassPassGraph, EncoderGraph, trace_names
from decouplednet.networks.pooling import MAX_POOLING, Pooling, TopKPooling
from tests.export.small import untrained

CASES = [("tiny", MAX_POOLING), ("tiny-skip", TopKPooling(top_share=0.4))]


@pytest.mark.parametrize(("preset", "pooling"), CASES)
def test_both_graphs_together_are_the_network(preset: str, pooling: Pooling) -> None:
    network = untrained(preset, pooling=pooling).network
    rng = torch.Generator().manual_seed(2)
    image = torch.randn(1, 3, 64, 128, generator=rng)
    seed = torch.rand(3, 4, generator=rng)
    present = torch.tensor([[True, True, False, True]] * 3)
    shown = torch.tensor([[True, False, True, True]] * 3)
    expected = network.see(image)
    index = torch.zeros(3, dtype=torch.int64)
    g = network.activation(expected, index, seed, present, shown)
    maps = network.decode(g, expected, index)

    score, *trace = EncoderGraph(network)(image)
    got = ClassPassGraph(network, trace_names(expected))(seed, present, shown, *trace)

    torch.testing.assert_close(score, expected.score)
    torch.testing.assert_close(got, maps, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("preset", "levels"),
    [
        ("tiny", ["switch_1", "switch_2", "switch_3", "switch_4", "switch_5"]),
        ("tiny-skip", ["skip_1", "skip_2", "skip_3", "skip_4"]),
    ],
)
def test_what_passes_between_the_graphs_is_named_in_order(preset: str, levels: list[str]) -> None:
    network = untrained(preset).network
    image = torch.randn(1, 3, 64, 64)

    names = trace_names(network.see(image))

    assert names == ("pool5", "fc6_open", "fc7_open", "score_map", "share", *levels)
    assert len(EncoderGraph(network)(image)) == 1 + len(names)
