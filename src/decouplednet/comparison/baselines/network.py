"""One network for all classes: the paper's encoder and decoder, one output for each class."""

import torch
from torch import Tensor, nn

from decouplednet.comparison.baselines.pixel_network import PixelNetwork
from decouplednet.networks.bridging import follow_encoder
from decouplednet.networks.classification import HeadTrace, Traced
from decouplednet.networks.decouplednet import Decoder, DecoupledNet, freeze
from decouplednet.networks.encoder import Encoder
from decouplednet.networks.initialisation import he
from decouplednet.networks.vgg import Encoded
from decouplednet.training.choices import trained_groups
from decouplednet.training.plan import Plan


class OneNetwork(PixelNetwork):
    """Score background and every class at each pixel, in one pass and without the tags.

    It is DecoupledNet without what decouples it: the same encoder, bridge and decoder, whose bridge
    is told of no class, and one output for each class in place of foreground.

    Args:
        network: whose encoder, bridge and decoder these are; its head is not used.
        class_count: L.
        trained_groups: how many of the encoder's groups learn, counted from the last.

    Source: Noh, Hong and Han, "Learning Deconvolution Network for Semantic Segmentation", ICCV
        2015, is the network that DecoupledNet was compared with (PAPER.md, numbers to stand
        against: DeconvNet). Differs: the layers between the two halves are the bridge's.
    """

    encoder: Encoder

    def __init__(self, network: DecoupledNet, class_count: int, *, trained_groups: int) -> None:
        super().__init__()
        self.class_count = class_count
        self.encoder = network.classifier.encoder
        self.stride = self.encoder.stride
        self.lowest = self.encoder.group_count - trained_groups
        self.bridge, self.decoder = network.bridge, network.decoder
        _widen(self.decoder, class_count + 1)
        if trained_groups:
            follow_encoder(self.bridge)
        self.start_learning()

    def start_learning(self) -> None:
        """Put what learns into training mode; the frozen groups stay as they are."""
        self.train()
        for group in range(self.lowest):
            for layer in self.encoder.group(group):
                freeze(layer)

    def parts_from_scratch(self) -> tuple[nn.Module, ...]:
        """Return bridge and decoder."""
        return self.get_submodule("bridge"), self.get_submodule("decoder")

    def forward(self, image: Tensor) -> Tensor:
        """Return the (B, L + 1, H, W) scores before the softmax, background first.

        Args:
            image: (B, 3, H, W), H and W multiples of the encoder's stride.
        """
        return self.decode(self.encode(image))

    def encode(self, image: Tensor) -> Encoded:
        """Return what the encoder makes of (B, 3, H, W) images."""
        return self.encoder.encode(image)

    def decode(self, encoded: Encoded) -> Tensor:
        """Return the (B, L + 1, H, W) scores of what ``encode`` returned."""
        images = torch.arange(len(encoded.pool5), device=encoded.pool5.device)
        of_no_class = encoded.pool5.new_zeros(len(images), self.class_count)
        g = self.bridge.activation(
            _told_nothing(encoded, self.class_count),
            images,
            of_no_class,
            torch.zeros_like(encoded.pool5),
        )
        return self.decoder.decode(g, encoded, images)


def _widen(decoder: Decoder, outputs: int) -> None:
    """Give a decoder a score of each output in place of those of background and foreground."""
    if not isinstance(decoder, nn.Module):
        raise TypeError(f"a decoder is a module; this one is a {type(decoder).__name__}")
    narrow = decoder.get_submodule("score")
    if not isinstance(narrow, nn.Conv2d):
        raise TypeError(f"a decoder's score is a convolution, not a {type(narrow).__name__}")
    wide = nn.Conv2d(narrow.in_channels, outputs, kernel_size=1)
    he(wide)
    decoder.add_module("score", wide)


def _told_nothing(encoded: Encoded, class_count: int) -> Traced:
    """Return what a head would say that finds every class equally likely everywhere."""
    images, _, height, width = encoded.pool5.shape
    score_map = encoded.pool5.new_zeros(images, class_count, height, width)
    shut = torch.zeros(images, 1, height, width, dtype=torch.bool, device=score_map.device)
    peak = torch.zeros(images, class_count, dtype=torch.int64, device=score_map.device)
    return Traced(encoded, score_map[:, :, 0, 0], HeadTrace(shut, shut, peak, score_map))


def learning_groups(plan: Plan) -> int:
    """Return how many groups of convolutions learn: as many as in stage 1 or 3 of ours, the more.

    From scratch these are all; from trained weights those of ``self_training.trained_groups``,
    although there is no stage 3, so that no other method fine-tunes more than these networks may.

    Args:
        plan: of the run.
    """
    settings = plan.settings
    ours = max(trained_groups(settings), settings.self_training.trained_groups)
    return min(ours, plan.preset.groups)


def start_one_network(plan: Plan) -> OneNetwork:
    """Return the untrained network: drawn from the seed, its encoder's weights where given.

    Args:
        plan: of the run: preset, classes, weights and seed; ``learning_groups`` of it learn.
    """
    torch.manual_seed(plan.settings.seed)
    network = OneNetwork(
        plan.preset.build(len(plan.classes)),
        len(plan.classes),
        trained_groups=learning_groups(plan),
    )
    if plan.pretrained is not None:
        network.encoder.start_from(plan.pretrained)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent in stubs
    return network
