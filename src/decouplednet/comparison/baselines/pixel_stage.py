"""What the trainings of one network for all classes have in common."""

from abc import ABC
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from decouplednet.annotations.catalogue import Record
from decouplednet.classes import IGNORE
from decouplednet.comparison.baselines.pixel_network import PixelNetwork
from decouplednet.dataset.masked import ClassExample, ClassImages
from decouplednet.settings import Settings
from decouplednet.stage_settings import SegmenterSettings
from decouplednet.training.checkpoints import read_learnt, write_learnt
from decouplednet.training.fit import fit
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.segmenter import HELD_OUT_DRAWS, FirstDraws, masked_images
from decouplednet.training.stages import HELD_OUT_IOU, Stage
from decouplednet.training.statistics import estimate_statistics
from decouplednet.training.step_size import step_size


class PixelStage(Stage, ABC):
    """A training of one network for all classes. Abstract: each says what its loss is.

    Args:
        network: its frozen groups stay as they are.
        settings: updates, step sizes and schedule.
        name: of the stage, for checkpoints and the curve.
        title: what the stage is called where progress is shown.
        seed: fixes what is random in a step.
        encoder_rate: share of the step size of the convolutions that learn.
    """

    network: PixelNetwork
    settings: SegmenterSettings
    pixels: Tensor

    def __init__(
        self,
        network: PixelNetwork,
        settings: SegmenterSettings,
        *,
        name: str,
        title: str,
        seed: int,
        encoder_rate: float,
    ) -> None:
        stands_still = not any(part.requires_grad for part in network.encoder.parameters())
        super().__init__(
            network,
            settings,
            name=name,
            title=title,
            seed=seed,
            frozen="encoder." if stands_still else "",
            section="segmenter",
        )
        self.encoder_rate = encoder_rate
        self.register_buffer("pixels", torch.zeros(2, network.class_count + 1), persistent=False)

    def rate_of(self, name: str) -> float:
        """Return the share of the step size: smaller for convolutions that started trained."""
        return self.encoder_rate if name.startswith("encoder.") else 1.0

    def on_validation_epoch_start(self) -> None:
        """Forget the pixels counted before."""
        self.pixels.zero_()

    def validation_step(self, batch: ClassExample, _: int) -> None:
        """Count the classes of a batch of held-out training masks."""
        self.pixels += class_overlaps(self.network(batch.image), batch.target)

    def on_validation_epoch_end(self) -> None:
        """Log the IoU, averaged over background and the classes that occur."""
        both, either = self.trainer.strategy.reduce(self.pixels, reduce_op="sum")
        occurs = either > 0
        mean = (both[occurs] / either[occurs]).sum() / occurs.sum().clamp(min=1)
        self.log(HELD_OUT_IOU, mean, rank_zero_only=False)


def class_overlaps(score: Tensor, target: Tensor) -> Tensor:
    """Return (2, L + 1) the pixels in intersection and in union of each class, over all images.

    Args:
        score: (B, L + 1, H, W), background first.
        target: (B, H, W) uint8 below L + 1, or 255 ignored.
    """
    counted = target != IGNORE
    said, true = score.argmax(dim=1)[counted], target[counted].long()
    places = range(score.shape[1])
    both = [((said == place) & (true == place)).sum() for place in places]
    either = [((said == place) | (true == place)).sum() for place in places]
    return torch.stack([torch.stack(both), torch.stack(either)])


def encoder_rate(settings: Settings) -> float:
    """Return the share of the step size of convolutions: that of stage 1, 1 from scratch."""
    classifier = settings.classifier
    return 1.0 if classifier.weights == "none" else classifier.convolution_rate


def run_stage(
    stage: PixelStage,
    examples: Dataset[Any],
    plan: Plan,
    folder: RunFolder,
    *,
    labelled: ClassImages,
    held_out: Sequence[Record],
    fewest: int,
) -> None:
    """Run a stage to its end, in place; leave its network in eval mode.

    A stage that ended before is read back instead.

    Args:
        stage: what is trained.
        examples: what it is trained from.
        plan: of the run.
        folder: of the run.
        labelled: the images with masks, over which batch statistics are estimated again.
        held_out: records with masks that decide when to stop; none: the stage runs to its end.
        fewest: images that a step may have.

    Raises:
        DataError: an image or mask cannot be read.
        TrainingError: see ``fit``; or what the stage left behind is damaged.
    """
    learnt = folder.learnt(stage.name)
    if learnt.exists():
        state = read_learnt(learnt, stage.changing_state())
        stage.load_state_dict(state, strict=not stage.frozen)
    else:
        stage.network.start_learning()
        measured = ClassImages(masked_images(plan, held_out)) if held_out else None
        fit(
            stage,
            examples,
            folder=folder.checkpoints / stage.name,
            curve=folder.curves,
            compute=plan.machine,
            held_out=FirstDraws(measured, HELD_OUT_DRAWS * len(held_out)) if measured else None,
            patience=stage.settings.patience,
            fewest=fewest,
        )
        _estimate_statistics(stage, labelled, plan)
        write_learnt(learnt, stage.changing_state())
    stage.network.eval()


def _estimate_statistics(stage: PixelStage, labelled: ClassImages, plan: Plan) -> None:
    if not stage.settings.statistics_batches:
        return
    network, machine = stage.network.to(plan.machine.device).eval(), plan.machine
    size = step_size(stage.settings, machine.devices)
    draws = FirstDraws(labelled, stage.settings.statistics_batches * size)
    batches = ((example.image,) for example in DataLoader(draws, batch_size=size))
    parts = stage.network.parts_from_scratch()
    estimate_statistics(network, parts, batches, machine.device, machine.precision)
