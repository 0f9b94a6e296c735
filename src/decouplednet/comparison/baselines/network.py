"""One network for all classes: the paper's encoder and decoder, one output for each class."""

import torch
from torch import Tensor, nn

from decouplednet.networks.bridging import bridging_layers
from decouplednet.networks.decouplednet import freeze
from decouplednet.networks.presets import Sizes
from decouplednet.networks.segmentation import DeconvolutionNetwork
from decouplednet.networks.vgg import GROUPS, VGG, Encoded, load_convolutions
from decouplednet.training.plan import Plan, trained_groups

USUAL_MOMENTUM = 0.1  # PyTorch's, of running statistics


class OneNetwork(nn.Module):
    """Score background and every class at each pixel, in one pass and without the tags.

    It is DecoupledNet without what decouples it: no head, no saliency, and one output for each
    class in place of foreground. Encoder, bridging layers and decoder are those of the preset.

    Args:
        sizes: of the layers.
        class_count: L.
        trained_groups: how many of the encoder's five groups learn, counted from the last.

    Source: Noh, Hong and Han, "Learning Deconvolution Network for Semantic Segmentation", ICCV
        2015, is the network that DecoupledNet was compared with (PAPER.md, numbers to stand
        against: DeconvNet). Differs: the layers between the two halves are the bridge's.
    """

    def __init__(self, sizes: Sizes, class_count: int, *, trained_groups: int) -> None:
        super().__init__()
        channels = sizes.widths[-1]
        self.class_count = class_count
        self.lowest = GROUPS - trained_groups
        self.encoder = VGG(sizes.widths, sizes.batch_norm)
        self.neck = nn.Sequential(
            # As in the bridge: what comes from a network that stands still is averaged over all.
            nn.BatchNorm2d(channels, momentum=USUAL_MOMENTUM if trained_groups else None),
            bridging_layers(channels, channels=channels, middle=sizes.bridge, kernel=sizes.kernel),
        )
        sizes.initialise(self.neck)
        self.decoder = DeconvolutionNetwork(sizes.widths, sizes.initialise, class_count + 1)
        self.start_learning()

    def start_learning(self) -> None:
        """Put what learns into training mode; the frozen groups stay as they are."""
        self.train()
        for group in range(self.lowest):
            for layer in self.encoder.group(group):
                freeze(layer)

    def forward(self, image: Tensor) -> Tensor:
        """Return the (B, L + 1, H, W) scores before the softmax, background first.

        Args:
            image: (B, 3, H, W), H and W multiples of 32.
        """
        return self.decode(self.encode(image))

    def encode(self, image: Tensor) -> Encoded:
        """Return pool5 and switches of (B, 3, H, W) images; no gradient below what learns."""
        with torch.no_grad():
            below = self.encoder.run_groups(image, range(self.lowest))
        above = self.encoder.run_groups(below.pool5, range(self.lowest, GROUPS))
        return Encoded(above.pool5, below.switches + above.switches)

    def decode(self, encoded: Encoded) -> Tensor:
        """Return the (B, L + 1, H, W) scores of what ``encode`` returned."""
        score: Tensor = self.decoder(self.neck(encoded.pool5), encoded.switches)
        return score


def start_one_network(plan: Plan, groups: int | None = None) -> OneNetwork:
    """Return the untrained network: drawn from the seed, its convolutions loaded where given.

    Args:
        plan: of the run: preset, classes, weights and seed.
        groups: how many groups of convolutions learn; None: as many as in the classifier.
    """
    torch.manual_seed(plan.settings.seed)
    network = OneNetwork(
        plan.preset.sizes,
        len(plan.classes),
        trained_groups=trained_groups(plan.settings) if groups is None else groups,
    )
    if plan.pretrained:
        load_convolutions(network.encoder, plan.pretrained.tensors)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent in stubs
    return network
