"""Stage 1: which classes are in an image, learnt from tags."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset

from decouplednet.dataset.frame import Frame
from decouplednet.dataset.store import ImageStore
from decouplednet.dataset.tagged import TaggedImages
from decouplednet.networks.classification import Classifier
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.progress import bar
from decouplednet.training.checkpoints import read_learnt, write_learnt
from decouplednet.training.choices import trained_groups
from decouplednet.training.estimate import STORE_BYTES
from decouplednet.training.fit import fit
from decouplednet.training.kept_features import (
    FeatureCache,
    Frozen,
    cache_folder,
    digest_of,
    keep_features,
    keys_of,
)
from decouplednet.training.losses import class_weights
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.stages import TagStage
from decouplednet.training.timetable import UNTIMED, Watch, timed

LOOKED_UP = 32  # images whose features are looked up, for those of all


def train_classifier(
    network: DecoupledNet, plan: Plan, folder: RunFolder, watch: Watch = UNTIMED
) -> None:
    """Train the classification network from tags, in place, and freeze it.

    The output of frozen groups of convolutions is computed once, and kept for other runs. A
    stage that ended before is read back instead.

    Args:
        network: started already; its classifier changes.
        plan: of the run.
        folder: of the run.
        watch: times the features, and says when the run must end.

    Raises:
        DataError: an image cannot be read.
        TrainingError: see ``fit``; or what stage 1 left behind is damaged.
    """
    if folder.classifier.exists():
        state = read_learnt(folder.classifier, network.classifier.state_dict())
        network.classifier.load_state_dict(state)
    else:
        _train(network, plan, folder, watch)
        write_learnt(folder.classifier, network.classifier.state_dict())
    freeze(network.classifier)


def _train(network: DecoupledNet, plan: Plan, folder: RunFolder, watch: Watch) -> None:
    upper = UpperClassifier(network.classifier, trained_groups(plan.settings))
    examples = tagged_images(plan)
    source: Dataset[Any] = examples
    if upper.lowest > 0:
        with watch.noted("features"):
            source = keep_classifier_features(upper, examples, plan)
    settings = timed(plan.settings.classifier, "classifier", network, plan, folder, watch)
    weight = class_weights(examples.tags, settings.largest_class_weight)
    stage = TagStage(upper, settings, weight=weight, seed=plan.settings.seed)
    fit(
        stage,
        source,
        folder=folder.checkpoints / stage.name,
        curve=folder.curves,
        compute=plan.machine,
        clock=watch.clock,
    )


class UpperClassifier(nn.Module):
    """The part of a classification network that learns: its last groups and its head.

    Args:
        classifier: its other groups are frozen.
        trained_groups: how many groups learn, at most all of them.
    """

    def __init__(self, classifier: Classifier, trained_groups: int) -> None:
        super().__init__()
        self.classifier = classifier
        self.lowest = classifier.encoder.group_count - trained_groups
        for group in range(self.lowest):
            for layer in classifier.encoder.group(group):
                freeze(layer)

    def below(self, image: Tensor) -> Tensor:
        """Return the (B, ..., H, W) output of the frozen groups for (B, 3, H, W) images."""
        return self.classifier.encoder.run_groups(image, range(self.lowest)).pool5

    def forward(self, features: Tensor) -> Tensor:
        """Return the (B, L) scores of what ``below`` returned, or of images if all groups learn."""
        encoder = self.classifier.encoder
        encoded = encoder.run_groups(features, range(self.lowest, encoder.group_count))
        score: Tensor = self.classifier.head(encoded.pool5)
        return score


def tagged_images(plan: Plan) -> TaggedImages:
    """Return the training examples of stage 1."""
    return TaggedImages(
        plan.roles.tags,
        plan.tags,
        classes=plan.classes,
        frame=plan.frame,
        augmentation=plan.settings.classifier.augmentation,
        seed=plan.settings.seed,
        store=ImageStore(STORE_BYTES),
    )


def keep_classifier_features(
    upper: UpperClassifier, examples: TaggedImages, plan: Plan
) -> Dataset[tuple[Tensor, Tensor]]:
    """Return what the frozen groups make of the training examples, kept for other runs too.

    Args:
        upper: some of its groups are frozen.
        examples: of the plan.
        plan: of the run.

    Raises:
        DataError: an image cannot be read.
    """
    return keep_features(
        frozen_part(upper, plan),
        examples,
        views=plan.settings.classifier.views,
        seed=plan.settings.seed,
        preparation=_preparation(upper, plan, plan.frame),
        cache=_cache(plan),
        workers=plan.machine.workers,
        progress=bar("features of the frozen convolutions", quiet=not plan.machine.progress),
    )


def frozen_part(upper: UpperClassifier, plan: Plan) -> Frozen:
    """Return the groups of convolutions that do not learn, as they compute on the run's device."""
    machine = plan.machine
    digest = digest_of(upper.classifier.encoder, machine.precision)
    return Frozen(upper.to(machine.device).below, digest, machine.device, machine.precision)


def share_missing(network: DecoupledNet, plan: Plan) -> Callable[[int, int], float]:
    """Return how much has to be computed before stage 1.

    Args:
        network: as the run starts with it.
        plan: of the run.

    Returns:
        The share of the tagged images whose features are not in the cache, by the side of the
        frame and the number of views; from some of the images.
    """
    upper = UpperClassifier(network.classifier, trained_groups(plan.settings))
    frozen, cache, records = frozen_part(upper, plan), _cache(plan), plan.roles.tags
    some = records[:: max(1, len(records) // LOOKED_UP)]

    def share(side: int, views: int) -> float:
        frame = plan.frame.model_copy(update={"side": side})
        preparation = _preparation(upper, plan, frame)
        keys = keys_of(some, frozen, views=views, seed=plan.settings.seed, preparation=preparation)
        return sum(not cache.has(key) for key in keys) / len(keys)

    return share


def _preparation(upper: UpperClassifier, plan: Plan, frame: Frame) -> str:
    stride = upper.classifier.encoder.stride  # two presets may differ in nothing else
    return f"{upper.lowest} {stride} {frame!r} {plan.settings.classifier.augmentation!r}"


def _cache(plan: Plan) -> FeatureCache:
    limit = round(plan.settings.compute.cache_gigabytes * 10**9)
    return FeatureCache(cache_folder() / "features", limit)
