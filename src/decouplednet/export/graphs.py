"""The two graphs of an exported model, which between them are a whole network.

``encoder`` sees an image once; ``class_pass`` runs on what it made, for any number of maps of that
image. What passes from one to the other goes by the names of ``trace_names``.
"""

import torch
from torch import Tensor, nn

from decouplednet.dataset.frame import Frame
from decouplednet.inference.procedure import Procedure
from decouplednet.networks.classification import HeadTrace, Traced
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.saliency import shares
from decouplednet.networks.vgg import Encoded

ENCODER, CLASS_PASS = "encoder", "class_pass"
IMAGE, SCORE = "image", "score"
PASSES, PROBABILITY = "passes", "probability"
FOREGROUND, MAP_SCORE = "foreground", "map_score"
_HEAD = ("pool5", "fc6_open", "fc7_open", "score_map", "share")
_SWITCH = "switch_"


class EncoderGraph(nn.Module):
    """What is computed once for an image: its class scores, and all that led to them.

    Args:
        network: in evaluation mode.
        frame: how it sees an image.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: DecoupledNet, frame: Frame) -> None:
        super().__init__()
        self.network = network
        self.channels = ["RGB".index(letter) for letter in frame.channel_order]
        for name, levels in (("mean", frame.mean), ("deviation", frame.deviation)):
            self.register_buffer(name, torch.tensor(levels)[:, None, None])

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the (1, L) scores of an image, then what ``trace_names`` lists.

        Args:
            image: (1, 3, H, W) float32 RGB in 0 to 255.
        """
        normalised = (image[:, self.channels] - self.mean) / self.deviation
        traced = self.network.see(normalised)
        head, encoded = traced.head, traced.encoded
        share = shares(head, head.score_map.dtype)
        gates = (encoded.pool5, head.fc6_open, head.fc7_open, head.score_map, share)
        return (traced.score, *gates, *encoded.switches, *encoded.skips)


class ClassPassGraph(nn.Module):
    """What is computed for each map of an image.

    Args:
        network: in evaluation mode.
        trace: names of what the encoder hands over, as from ``trace_names``.
        procedure: whose withheld classes are withheld.
    """

    def __init__(self, network: DecoupledNet, trace: tuple[str, ...], procedure: Procedure) -> None:
        super().__init__()
        self.network = network
        self.procedure = procedure
        self._by_switches = any(name.startswith(_SWITCH) for name in trace)

    def forward(self, passes: Tensor, probability: Tensor, *trace: Tensor) -> tuple[Tensor, Tensor]:
        """Return (M, H, W) foreground in [0, 1], and the same before the sigmoid.

        Args:
            passes: (M, L) bool, the classes that each of M maps asks for; those that any asks for
                are on the image.
            probability: (1, L) float32 of each class.
            *trace: what ``trace_names`` lists, of one image.
        """
        traced = self._traced(trace)
        image_index = torch.zeros(passes.shape[0], dtype=torch.int64)
        seed = self.network.bridge.seed(probability.expand(passes.shape), passes)
        present = passes.any(dim=0, keepdim=True).expand(passes.shape)
        shown = self.procedure.shown(present)
        g = self.network.activation(traced, image_index, seed, present, shown)
        scores = self.network.decode(g, traced, image_index)
        map_score = scores[:, 1] - scores[:, 0]
        return map_score.sigmoid(), map_score

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
