"""The peers: segmenters of segmentation-models-pytorch as methods of a comparison.

They get what the baseline ``one-network`` gets: masks, windows, flips, scales and colours, the
optimiser, warm-up and linear fall of ``[segmenter]``, the whole budget of a cell, the mirrored view
in prediction, and its scoring.
Differs: all of their convolutions learn, as the library leaves them, those with ImageNet's weights
at ``classifier.convolution_rate`` of the step size.
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch

from benchmarks.peer_network import PeerNetwork, load_encoder
from decouplednet.comparison.baseline_training import ABSENT, BaselineTraining
from decouplednet.comparison.baselines.one_network import train_from_masks
from decouplednet.comparison.baselines.prediction import PixelPredictor, pixel_predictor
from decouplednet.comparison.own_training import SEEN_TWICE
from decouplednet.errors import SettingsError
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.step_size import step_size

ENCODER = "vgg16"
ATROUS_RATES = (6, 12, 18)
FEWEST_IMAGES = 2  # of a step: batch normalisation of pooled images has no variance of one
TUNING = (
    "nothing of its own, and no step size of its own was tried: schedule, windows and augmentation "
    "of DecoupledNet's stage 2; all convolutions learn"
)

Build = Callable[[int], PeerNetwork]
"""Returns an untrained network for a number of classes, background not counted."""


def unet(class_count: int) -> PeerNetwork:
    """Return the library's U-Net as it comes, with batch normalisation in its decoder.

    Args:
        class_count: L.
    """
    import segmentation_models_pytorch as smp

    model = smp.Unet(ENCODER, encoder_weights=None, classes=class_count + 1)
    return PeerNetwork(
        encoder=model.encoder,
        decoder=model.decoder,
        head=model.segmentation_head,
        class_count=class_count,
        stride=32,
    )


def deeplabv3plus(class_count: int) -> PeerNetwork:
    """Return DeepLabV3+ of the library's encoder, decoder and head, at output stride 16.

    Args:
        class_count: L.

    Differs: the library's ``DeepLabV3Plus`` refuses VGG encoders, because it reaches stride 16 by
        dilating an encoder of stride 32, which it cannot do to a pooling. Here the encoder ends
        before its last pooling, where VGG-16 is at stride 16 with all 13 convolutions done, so
        that nothing needs to be dilated. The rates are the paper's at this stride; the library's
        default, (12, 24, 36), are those at stride 8.

    Source:
        Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image
        Segmentation", ECCV 2018, as the library has it; the rates as cited in torchvision's issue
        7956.
    """
    from segmentation_models_pytorch.base import SegmentationHead
    from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder
    from segmentation_models_pytorch.encoders import get_encoder

    encoder = get_encoder(ENCODER, depth=4, weights=None)
    decoder = DeepLabV3PlusDecoder(
        encoder_channels=encoder.out_channels,
        encoder_depth=4,
        out_channels=256,
        atrous_rates=ATROUS_RATES,
        output_stride=16,
        aspp_separable=True,
        aspp_dropout=0.5,
    )
    head = SegmentationHead(256, class_count + 1, kernel_size=1, upsampling=4)
    return PeerNetwork(
        encoder=encoder, decoder=decoder, head=head, class_count=class_count, stride=16
    )


def start_peer(build: Build, plan: Plan) -> PeerNetwork:
    """Return the untrained network: drawn from the seed, its convolutions loaded where given.

    Args:
        build: of the peer.
        plan: of the run: classes, weights and seed.

    Raises:
        ModelError: the weights do not fit its encoder.
    """
    torch.manual_seed(plan.settings.seed)
    network = build(len(plan.classes))
    if plan.pretrained:
        load_encoder(network.encoder, plan.pretrained)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent in stubs
    return network


def train_peer(build: Build, plan: Plan, folder: RunFolder) -> PixelPredictor:
    """Train a peer from the masks of a run, from where it was left; return what predicts.

    Args:
        build: of the peer.
        plan: of the run.
        folder: of the run; its checkpoints and learning curve are written.

    Raises:
        SettingsError: a step has too few images for batch normalisation.
        UserError: as ``train_from_masks`` and ``start_peer``.
    """
    segmenter = plan.settings.segmenter
    images = step_size(segmenter, plan.machine.devices)
    if images < FEWEST_IMAGES:
        raise SettingsError(
            f"segmenter: {images} image in a step, but a peer's batch normalisation needs at least "
            f"{FEWEST_IMAGES}; begin a comparison with a larger segmenter.images_per_step"
        )
    network = start_peer(build, plan)
    train_from_masks(network, segmenter, plan, folder, fewest=FEWEST_IMAGES)
    return pixel_predictor(network, plan)


def peer(name: str, title: str, build: Build) -> BaselineTraining:
    """Return a peer as a method of a comparison.

    Args:
        name: what files call it.
        title: what tables and plots call it.
        build: of its untrained network.
    """
    return BaselineTraining(
        name=name,
        title=title,
        uses_tags=False,
        uses_masks=True,
        has_tag_scores=False,
        tuning=TUNING,
        start=partial(start_peer, build),
        learn=partial(train_peer, build),
        stage="segmenter",
        own=ABSENT,
        usual=SEEN_TWICE,
    )


BUILDS: Mapping[str, Build] = {"smp-unet": unet, "smp-deeplabv3plus": deeplabv3plus}
"""Of the peers, by the names that files have for them."""

PEERS = (
    peer("smp-unet", "smp U-Net, masks only", unet),
    peer("smp-deeplabv3plus", "smp DeepLabV3+, masks only", deeplabv3plus),
)
