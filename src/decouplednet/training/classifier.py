"""Stage 1: which classes are in an image, learnt from tags."""

from torch import Tensor, nn
from torch.utils.data import Dataset

from decouplednet.dataset.store import ImageStore
from decouplednet.dataset.tagged import TaggedImages
from decouplednet.networks.classification import Classifier
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.networks.vgg import GROUPS
from decouplednet.progress import bar
from decouplednet.training.checkpoints import read_learnt, write_learnt
from decouplednet.training.estimate import STORE_BYTES
from decouplednet.training.fit import fit
from decouplednet.training.kept_features import (
    FeatureCache,
    Frozen,
    cache_folder,
    digest_of,
    keep_features,
)
from decouplednet.training.losses import class_weights
from decouplednet.training.plan import Plan, trained_groups
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.stages import TagStage


def train_classifier(network: DecoupledNet, plan: Plan, folder: RunFolder) -> None:
    """Train the classification network from tags, in place, and freeze it.

    The output of frozen groups of convolutions is computed once, and kept for other runs. A
    stage that ended before is read back instead.

    Args:
        network: started already; its classifier changes.
        plan: of the run.
        folder: of the run.

    Raises:
        DataError: an image cannot be read.
        TrainingError: see ``fit``; or what stage 1 left behind is damaged.
    """
    settings = plan.settings.classifier
    if folder.classifier.exists():
        state = read_learnt(folder.classifier, network.classifier.state_dict())
        network.classifier.load_state_dict(state)
    else:
        upper = UpperClassifier(network.classifier, trained_groups(plan.settings))
        examples = tagged_images(plan)
        weight = class_weights(examples.tags, settings.largest_class_weight)
        stage = TagStage(upper, settings, weight=weight, seed=plan.settings.seed)
        source = keep_classifier_features(upper, examples, plan) if upper.lowest else examples
        fit(
            stage,
            source,
            folder=folder.checkpoints / stage.name,
            curve=folder.curves,
            compute=plan.machine,
        )
        write_learnt(folder.classifier, network.classifier.state_dict())
    freeze(network.classifier)


class UpperClassifier(nn.Module):
    """The part of a classification network that learns: its last groups and its head.

    Args:
        classifier: its other groups are frozen.
        trained_groups: how many groups learn, 0 to 5.
    """

    def __init__(self, classifier: Classifier, trained_groups: int) -> None:
        super().__init__()
        self.classifier = classifier
        self.lowest = GROUPS - trained_groups
        for group in range(self.lowest):
            for layer in classifier.encoder.group(group):
                freeze(layer)

    def below(self, image: Tensor) -> Tensor:
        """Return the (B, ..., H, W) output of the frozen groups for (B, 3, H, W) images."""
        return self.classifier.encoder.run_groups(image, range(self.lowest)).pool5

    def forward(self, features: Tensor) -> Tensor:
        """Return the (B, L) scores of what ``below`` returned, or of images if all groups learn."""
        encoded = self.classifier.encoder.run_groups(features, range(self.lowest, GROUPS))
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
    settings, machine = plan.settings, plan.machine
    limit = round(settings.compute.cache_gigabytes * 10**9)
    digest = digest_of(upper.classifier.encoder, machine.precision)
    return keep_features(
        Frozen(upper.to(machine.device).below, digest, machine.device, machine.precision),
        examples,
        views=settings.classifier.views,
        seed=settings.seed,
        preparation=f"{upper.lowest} {plan.frame!r} {settings.classifier.augmentation!r}",
        cache=FeatureCache(cache_folder() / "features", limit),
        progress=bar("features of the frozen convolutions", quiet=not machine.progress),
    )
