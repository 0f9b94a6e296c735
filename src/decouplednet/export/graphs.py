"""The two graphs of an exported model, which between them are a whole network.

``encoder`` sees an image once; ``class_pass`` runs on what it made, for any number of maps of that
image. What passes from one to the other goes by the names of ``trace_names``.
"""

import torch
from torch import Tensor, nn

from decouplednet.networks.classification import HeadTrace, Traced
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.saliency import shares
from decouplednet.networks.vgg import Encoded

ENCODER, CLASS_PASS = "encoder", "class_pass"
IMAGE, SCORE, MAP_SCORES = "image", "score", "map_scores"
SEED, PRESENT, SHOWN = "seed", "present", "shown"
_HEAD = ("pool5", "fc6_open", "fc7_open", "score_map", "share")
_SWITCH = "switch_"


class EncoderGraph(nn.Module):
    """What is computed once for an image: its class scores, and all that led to them.

    Args:
        network: in evaluation mode.
    """

    def __init__(self, network: DecoupledNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the (1, L) scores of a (1, 3, H, W) image, then what ``trace_names`` lists."""
        traced = self.network.see(image)
        head, encoded = traced.head, traced.encoded
        share = shares(head, head.score_map.dtype)
        gates = (encoded.pool5, head.fc6_open, head.fc7_open, head.score_map, share)
        return (traced.score, *gates, *encoded.switches, *encoded.skips)


class ClassPassGraph(nn.Module):
    """What is computed for each map of an image.

    Args:
        network: in evaluation mode.
        trace: names of what the encoder hands over, as from ``trace_names``.
    """

    def __init__(self, network: DecoupledNet, trace: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self._by_switches = any(name.startswith(_SWITCH) for name in trace)

    def forward(self, seed: Tensor, present: Tensor, shown: Tensor, *trace: Tensor) -> Tensor:
        """Return the (M, 2, H, W) scores of M maps, background first, before the softmax.

        Args:
            seed: (M, L) float32, weight of each class in each map.
            present: (M, L) bool, the classes that may be on the image.
            shown: (M, L) bool, the classes whose f_cls is shown.
            *trace: what ``trace_names`` lists, of one image.
        """
        traced = self._traced(trace)
        image_index = torch.zeros(seed.shape[0], dtype=torch.int64)
        g = self.network.activation(traced, image_index, seed, present, shown)
        return self.network.decode(g, traced, image_index)

    def _traced(self, trace: tuple[Tensor, ...]) -> Traced:
        pool5, fc6_open, fc7_open, score_map, share, *levels = trace
        switches, skips = (levels, []) if self._by_switches else ([], levels)
        encoded = Encoded(pool5, tuple(switches), tuple(skips))
        scores = score_map.flatten(2)
        # The shares stand for the peaks, and nobody reads the pooled score any more.
        head = HeadTrace(fc6_open, fc7_open, scores.argmax(dim=2), score_map, share)
        return Traced(encoded, scores.amax(dim=2), head)


def trace_names(traced: Traced) -> tuple[str, ...]:
    """Return the names of what the encoder hands to the class pass, in order.

    Args:
        traced: of any image.
    """
    encoded = traced.encoded
    switches = (f"{_SWITCH}{number}" for number, _ in enumerate(encoded.switches, 1))
    skips = (f"skip_{number}" for number, _ in enumerate(encoded.skips, 1))
    return (*_HEAD, *switches, *skips)
