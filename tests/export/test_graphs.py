import pytest
import torch

from decouplednet.export.graphs import ClassPassGraph, EncoderGraph, trace_names
from decouplednet.inference.procedure import Procedure
from decouplednet.networks.pooling import MAX_POOLING, Pooling, TopKPooling
from tests.export.small import untrained
from tests.inference.small import small_frame

CASES = [
    ("tiny", MAX_POOLING),
    ("tiny-skip", TopKPooling(top_share=0.4)),
    pytest.param("fast", TopKPooling(top_share=0.25), marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("preset", "pooling"), CASES)
def test_both_graphs_together_are_the_network(preset: str, pooling: Pooling) -> None:
    segmenter = untrained(preset, Procedure(withheld=(False, True, False, False)), pooling)
    network, rng = segmenter.network, torch.Generator().manual_seed(2)
    levels = torch.randint(0, 256, (64, 96, 3), generator=rng, dtype=torch.uint8)
    expected = network.see(small_frame(96).image(levels.numpy())[None])
    passes = torch.tensor([[True, False, False, False], [False, True, False, True]])
    probability = torch.rand(1, 4, generator=rng)
    index = torch.zeros(2, dtype=torch.int64)
    seed = network.bridge.seed(probability.repeat(2, 1), passes)
    present = torch.tensor([[True, True, False, True]] * 2)
    shown = torch.tensor([[True, False, True, True]] * 2)
    g = network.activation(expected, index, seed, present, shown)
    maps = network.decode(g, expected, index)

    padded = torch.tensor([123.0, 117.0, 104.0]).repeat(96, 96, 1)  # RGB; the frame is BGR
    padded[:64] = levels
    score, *trace = EncoderGraph(network, segmenter.frame)(padded.permute(2, 0, 1)[None])
    graph = ClassPassGraph(network, trace_names(expected), segmenter.procedure)
    foreground, got = graph(passes, probability, *trace)

    torch.testing.assert_close(score, expected.score)
    torch.testing.assert_close(got, maps[:, 1] - maps[:, 0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(foreground, maps.softmax(dim=1)[:, 1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("preset", "levels"),
    [
        ("tiny", ["switch_1", "switch_2", "switch_3", "switch_4", "switch_5"]),
        ("tiny-skip", ["skip_1", "skip_2", "skip_3", "skip_4"]),
    ],
)
def test_what_passes_between_the_graphs_is_named_in_order(preset: str, levels: list[str]) -> None:
    network, frame = untrained(preset).network, small_frame(96)
    image = torch.randn(1, 3, 64, 64)

    names = trace_names(network.see(image))

    assert names == ("pool5", "fc6_open", "fc7_open", "score_map", "share", *levels)
    assert len(EncoderGraph(network, frame)(image)) == 1 + len(names)
