"""Stage 3: the trained network labels the tagged images, and is trained again on all of them."""

import logging
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from decouplednet.annotations.record import Record
from decouplednet.counts import count
from decouplednet.dataset.mixed import MixedImages
from decouplednet.networks.bridging import follow_encoder
from decouplednet.networks.decouplednet import DecoupledNet, freeze
from decouplednet.progress import bar
from decouplednet.training.budget import PSEUDO_MASKS, STUDENT_COST
from decouplednet.training.checkpoints import read_learnt, write_learnt
from decouplednet.training.classifier import tagged_images
from decouplednet.training.fit import effort_of, fit
from decouplednet.training.labels import drawn_in_time, most_labels
from decouplednet.training.losses import class_weights
from decouplednet.training.plan import Plan
from decouplednet.training.pseudo_masks import teacher, withheld, write_pseudo_masks
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.segmenter import belief_of, masked_images
from decouplednet.training.student import StudentStage
from decouplednet.training.timetable import (
    UNTIMED,
    Watch,
    left_by_labels,
    seconds_per_label,
    timed,
)

logger = logging.getLogger(__name__)


def train_student(
    network: DecoupledNet, plan: Plan, folder: RunFolder, watch: Watch = UNTIMED
) -> None:
    """Train the whole network again, from masks and pseudo-masks; leave it frozen in eval mode.

    The network after stage 2 is the teacher: told the tags of an image, it labels its pixels. The
    student starts from its weights. Where every tagged image has a drawn mask, or the teacher is
    sure of none, the drawn masks alone train it. A stage that ended before is read back instead.

    Args:
        network: after stage 2; changed in place.
        plan: of the run.
        folder: of the run.
        watch: of the run, which leaves the stage its time.

    Raises:
        DataError: an image or mask cannot be read, or a pseudo-mask cannot be written.
        TrainingError: see ``fit``; or what an earlier attempt left behind is damaged.
    """
    learnt = folder.learnt("student")
    if learnt.exists():
        network.load_state_dict(read_learnt(learnt, network.state_dict()))
    else:
        _train(network, _labelled(network, plan, folder, watch), plan, folder, watch)
        write_learnt(learnt, network.state_dict())
    freeze(network)


def unfreeze(network: DecoupledNet, trained_groups: int) -> None:
    """Let the last groups of convolutions, the head, the bridge and the decoder learn.

    The classifier stays in evaluation mode: dropout would blur f_cls, which is read in the same
    pass, and statistics of small batches would replace those of all tagged images.

    Args:
        network: changed in place.
        trained_groups: how many groups learn, at most all of them.
    """
    network.requires_grad_(True)
    network.train()
    network.classifier.eval()
    follow_encoder(network.bridge)
    encoder = network.classifier.encoder
    for group in range(encoder.group_count - trained_groups):
        for layer in encoder.group(group):
            freeze(layer)


def _labelled(
    network: DecoupledNet, plan: Plan, folder: RunFolder, watch: Watch
) -> tuple[Record, ...]:
    """Return the images whose pseudo-mask holds a class, each with it."""
    freeze(network)
    if not plan.unmasked:
        return ()
    with watch.noted(PSEUDO_MASKS):
        images = images_to_label(plan, number_of_labels(network, plan, folder, watch))
        return _pseudo_masks(network, plan, folder, images)


def _pseudo_masks(
    network: DecoupledNet, plan: Plan, folder: RunFolder, images: Sequence[Record]
) -> tuple[Record, ...]:
    """Return those of some images whose pseudo-mask holds a class, each with it."""
    predictor = teacher(network, plan)
    belief = belief_of(network, plan, folder)
    labelled = write_pseudo_masks(
        predictor,
        images,
        [image.tags for image in images],
        folder.pseudo_masks,
        belief=belief,
        progress=bar("pseudo-masks", quiet=not plan.machine.progress),
    )
    if not labelled:
        logger.warning(
            "stage 3: the network is sure of no class on any of %s, so that drawn masks alone "
            "train it; more masks or more updates of stage 2 may help",
            count(len(images), "tagged image"),
        )
    return labelled


def number_of_labels(network: DecoupledNet, plan: Plan, folder: RunFolder, watch: Watch) -> int:
    """Return how many images stage 3 labels.

    Where the stage is given minutes and no number, it is so many that about one window is drawn
    from each, by how long one label and an update of stage 2 took; a run that goes on keeps it.

    Args:
        network: the teacher.
        plan: of the run.
        folder: of the run.
        watch: of the run.

    Raises:
        DataError: an image cannot be read.
        TrainingError: what an earlier attempt noted is damaged.
    """
    student, segmenter = plan.settings.self_training, plan.settings.segmenter
    images = len(plan.unmasked)
    if student.images is not None or student.minutes is None:
        return most_labels(student, images)
    if folder.labels.exists():
        return folder.read_labels()
    masks = effort_of(folder.checkpoints / "segmenter")
    if not masks.updates:  # learnt elsewhere
        return images
    windows = student.images_per_update / segmenter.images_per_update
    growth = STUDENT_COST * windows * (plan.student_side / plan.window_side) ** 2
    drawn = drawn_in_time(
        student,
        left=60 * student.minutes,
        share=1.0,
        label=seconds_per_label(network, plan, watch.clock),
        update=growth * masks.seconds / masks.updates,
    )
    number = min(images, drawn)
    folder.write_json(folder.labels, number)
    return number


def images_to_label(plan: Plan, labels: int) -> tuple[Record, ...]:
    """Return the images that stage 3 labels, in the order of the data set.

    Where there are more than enough, they are drawn at random.

    Args:
        plan: of the run.
        labels: how many, at most.
    """
    images = plan.unmasked
    if labels >= len(images):
        return images
    rng = np.random.default_rng((plan.settings.seed, 1))  # 1: as earlier versions drew them
    return tuple(images[place] for place in sorted(rng.permutation(len(images))[:labels]))


def _train(
    network: DecoupledNet, pseudo: tuple[Record, ...], plan: Plan, folder: RunFolder, watch: Watch
) -> None:
    settings = left_by_labels(plan.settings.self_training, watch)
    settings = timed(settings, "student", network, plan, folder, watch)
    unfreeze(network, settings.trained_groups)
    side = plan.student_side
    examples = MixedImages(
        masked_images(plan, plan.roles.masks, side=side),
        masked_images(plan, pseudo, side=side, drawn=False) if pseudo else None,
        drawn_share=settings.drawn_share,
        pseudo_weight=settings.pseudo_weight,
    )
    stage = StudentStage(
        network,
        settings,
        weight=_weight(plan),
        withheld=withheld(plan),
        seed=plan.settings.seed,
    )
    fit(
        stage,
        examples,
        folder=folder.checkpoints / stage.name,
        curve=folder.curves,
        compute=plan.machine,
        fewest=plan.fewest_images(side),
        clock=watch.clock,
    )


def _weight(plan: Plan) -> Tensor:
    tags = tagged_images(plan).tags
    return class_weights(tags, plan.settings.classifier.largest_class_weight)
