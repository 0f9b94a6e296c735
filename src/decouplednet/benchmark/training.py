"""Training steps of stages 1 and 2, as the project takes them and as a plain loop would."""

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import default_collate

from decouplednet.benchmark.original import plain_encoding, plain_scores, plain_trace
from decouplednet.benchmark.subject import Subject
from decouplednet.dataset.masked import MaskedExample
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.precision import mixed_precision
from decouplednet.networks.shortcuts import layer_by_layer
from decouplednet.stage_settings import ClassifierSettings, SegmenterSettings
from decouplednet.training.classifier import UpperClassifier
from decouplednet.training.kept_features import Frozen, KeptFeatures
from decouplednet.training.stages import MaskStage, TagStage

IMAGES = 4
"""Of a step."""

Step = Callable[[], float]


def tag_steps(subject: Subject, precision: torch.dtype | None) -> dict[str, Step]:
    """Return a step of stage 1 with frozen convolutions: their features kept, and computed anew.

    Forward, backward and one step of the same optimiser for the head, of the same batch and tags;
    each returns its loss.

    Args:
        subject: in float32; copies of its networks learn.
        precision: of the project's own step and of the features that it keeps; None for float32.
    """
    learning = replace(subject)
    batch = _batch(learning)
    return {
        "plain": _plain_of_tags(learning, batch),
        "own": _own_of_tags(learning, batch, precision),
    }


def _own_of_tags(subject: Subject, batch: MaskedExample, precision: torch.dtype | None) -> Step:
    network = subject.network
    upper = UpperClassifier(network.classifier, trained_groups=0)
    frozen = Frozen(upper.below, "", subject.device, precision)
    features = torch.from_numpy(frozen.features(batch.image))[:, None]
    kept = KeptFeatures(features, batch.tags, subject.seed)
    weight = torch.ones(batch.tags.shape[1], device=subject.device)
    stage = TagStage(upper, ClassifierSettings(), weight=weight, seed=subject.seed)
    network.classifier.head.requires_grad_(True).train()

    def loss() -> Tensor:
        seen, tags = default_collate([kept[draw] for draw in range(IMAGES)])
        with mixed_precision(subject.device, precision):
            return stage.loss((seen.to(subject.device), tags))

    return _step(network, loss)


def _plain_of_tags(subject: Subject, batch: MaskedExample) -> Step:
    network = subject.plain_network
    classifier = network.classifier
    classifier.head.requires_grad_(True).train()

    def loss() -> Tensor:
        with layer_by_layer():
            with torch.no_grad():
                pool5 = plain_encoding(classifier.encoder, batch.image).pool5
            return F.binary_cross_entropy_with_logits(classifier.head(pool5), batch.tags)

    return _step(network, loss)


def training_steps(subject: Subject, precision: torch.dtype | None) -> dict[str, Step]:
    """Return a step of stage 2 of either kind: forward, backward and one step of one optimiser.

    The classification network stands still in both, both see the same batch, and each returns its
    loss.

    Args:
        subject: in float32; copies of its networks learn.
        precision: of the project's own step; None for float32.
    """
    learning = replace(subject)
    batch = _batch(learning)
    return {"plain": _plain(learning, batch), "own": _own(learning, batch, precision)}


def _own(subject: Subject, batch: MaskedExample, precision: torch.dtype | None) -> Step:
    network = _learning(subject.network)
    stage = MaskStage(network, SegmenterSettings(), seed=subject.seed)

    def loss() -> Tensor:
        with mixed_precision(subject.device, precision):
            return stage.loss(batch)

    return _step(network, loss)


def _plain(subject: Subject, batch: MaskedExample) -> Step:
    network = _learning(subject.plain_network)
    target = torch.where(batch.target == 255, -100, batch.target.long())

    def loss() -> Tensor:
        with layer_by_layer():
            with torch.no_grad():
                traced = plain_trace(network.classifier, batch.image)
            score = plain_scores(network, traced, batch.asked, batch.asked)
            return F.cross_entropy(score, target)

    return _step(network, loss)


def _step(network: DecoupledNet, loss: Callable[[], Tensor]) -> Step:
    learning = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=1e-6, momentum=0.9)

    def step() -> float:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return value.item()

    return step


def _learning(network: DecoupledNet) -> DecoupledNet:
    for part in (network.bridge, network.decoder):
        if isinstance(part, nn.Module):
            part.requires_grad_(True).train()
    return network


def _batch(subject: Subject) -> MaskedExample:
    rng = torch.Generator().manual_seed(subject.seed)
    side, classes = subject.side, subject.classes
    target = (torch.rand(IMAGES, side, side, generator=rng) < 0.3).to(torch.uint8)
    asked = torch.zeros(IMAGES, classes, dtype=torch.bool)
    asked[range(IMAGES), [image % classes for image in range(IMAGES)]] = True
    image = torch.randn(IMAGES, 3, side, side, generator=rng)
    place = subject.device
    return MaskedExample(
        image=image.to(place),
        asked=asked.to(place),
        target=target.to(place),
        mask=target.to(place),
        tags=asked.float().to(place),
    )
