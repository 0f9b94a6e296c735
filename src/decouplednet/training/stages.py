"""The optimisations as Lightning modules: tags train the classes, masks train the regions."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from decouplednet.dataset.draws import DrawSampler
from decouplednet.dataset.masked import MaskedExample
from decouplednet.errors import TrainingError
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.stage_settings import ClassifierSettings, SegmenterSettings, StageSettings
from decouplednet.training.checkpoints import check_fit
from decouplednet.training.losses import binary_iou, mask_loss, tag_loss
from decouplednet.training.optimizers import optimizer_for
from decouplednet.training.pace import Pace

HELD_OUT_IOU = "held_out_iou"
SECONDS = "seconds"  # what a checkpoint calls the time that its stage took until then
TITLES = ("stage 1, tags", "stage 2, masks", "stage 3, pseudo-masks")


def round_title(title: str, name: str) -> str:
    """Return what a round of a stage is called where progress is shown.

    >>> round_title("stage 2, masks", "segmenter-1"), round_title("stage 2, masks", "segmenter")
    ('stage 2, masks, round 1', 'stage 2, masks')

    Args:
        title: of the stage.
        name: of the round, see ``budget.rounds_of``.
    """
    _, _, number = name.partition("-")
    return f"{title}, round {number}" if number else title


@dataclass(frozen=True, slots=True)
class Feed:
    """What a stage trains from.

    Args:
        examples: indexed by draw number, endless.
        images_per_step: images computed at once on one device.
        workers: processes that read images.
    """

    examples: Dataset[Any]
    images_per_step: int
    workers: int


class Stage(LightningModule, ABC):
    """One of the optimisations. Abstract: each stage says what its loss is.

    Args:
        network: what is trained; parameters that do not require gradients are left alone.
        settings: updates, step sizes and schedule.
        name: such as ``classifier``, for messages and the curve.
        title: what the stage is called where progress is shown.
        seed: fixes dropout. Every step starts from the seed and its own number, so a resumed
            run draws what an uninterrupted one draws.
        frozen: start of the names in ``network`` that never change and so stay out of
            checkpoints, such as ``classifier.``; empty when everything learns.
        section: of the settings, for messages; None: ``name``.

    Attributes:
        feed: the examples; given before the stage is trained.
        pace: how far it is; given before the stage is trained.
    """

    feed: Feed
    pace: Pace

    def __init__(
        self,
        network: nn.Module,
        settings: StageSettings,
        *,
        name: str,
        title: str,
        seed: int,
        frozen: str,
        section: str | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.name = name
        self.section = section or name
        self.title = title
        self.seed = seed
        self.frozen = frozen
        self.strict_loading = not frozen

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """Return the scalar that a step makes smaller."""

    @abstractmethod
    def rate_of(self, name: str) -> float:
        """Return the share of the step size of a parameter of the network, by its name."""

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the draws of each epoch, this process's share of them."""
        sampler = DrawSampler(
            self.settings.updates_per_epoch * self.settings.images_per_update,
            rank=self.trainer.global_rank,
            world=self.trainer.world_size,
        )
        return DataLoader(
            self.feed.examples,
            batch_size=self.feed.images_per_step,
            sampler=sampler,
            num_workers=self.feed.workers,
            persistent_workers=self.feed.workers > 0,  # their stores of images outlive an epoch
        )

    def training_step(self, batch: Any, batch_index: int) -> Tensor:
        """Return the loss of a batch.

        Raises:
            TrainingError: the loss is no finite number; the weights are still those before it.
        """
        loss = self.loss(batch)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"{self.name}: the loss became {loss.item()} at update {self.global_step + 1}, "
                f"batch {batch_index} of its epoch; lower {self.section}.learning_rate or set "
                "compute.precision=32, and start anew in another folder"
            )
        return loss

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Start the random numbers of the step from the seed, the step and the device.

        Not once an epoch: a data loader that starts takes a random number too, and whether it
        starts before or after that differs between a resumed and an uninterrupted run.
        """
        del batch
        numbers = (self.seed, self.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(hash(numbers) % 2**63)

    def configure_optimizers(self) -> Any:
        """Return the optimiser, and the schedule that follows every update."""
        optimizer, schedule = optimizer_for(
            self.network, self.settings, self.rate_of, self.pace.position
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Look how far the stage is after an update, by the clock of the first device for all."""
        self.pace.look(self.trainer.strategy.broadcast)
        super().lr_scheduler_step(scheduler, metric)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave what never changes out of the checkpoint, and note how long the stage took."""
        checkpoint["state_dict"] = self._changing(checkpoint["state_dict"])
        checkpoint[SECONDS] = self.pace.taken()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another network, and go on counting the seconds from it.

        Raises:
            TrainingError: a tensor is missing, too many, or of another shape.
        """
        path = Path(str(self.trainer.ckpt_path))
        check_fit(checkpoint["state_dict"], self.changing_state(), path)
        self.pace.continue_from(checkpoint.get(SECONDS, 0.0))

    def changing_state(self) -> dict[str, Tensor]:
        """Return what the stage may change, by name."""
        return self._changing(self.state_dict())

    def _changing(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        still = f"network.{self.frozen}"
        return {
            key: value
            for key, value in state.items()
            if not (self.frozen and key.startswith(still))
        }


class TagStage(Stage):
    """Stage 1: the classification network, or its upper part on kept features, from tags.

    Args:
        network: maps the first part of a batch to (B, L) scores.
        settings: the schedule.
        weight: (L,) weight of a present tag, as from ``class_weights``.
        seed: fixes dropout.
    """

    weight: Tensor
    settings: ClassifierSettings

    def __init__(
        self, network: nn.Module, settings: ClassifierSettings, *, weight: Tensor, seed: int
    ) -> None:
        super().__init__(
            network, settings, name="classifier", title=TITLES[0], seed=seed, frozen=""
        )
        self.register_buffer("weight", weight)

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the cross-entropy of a batch of images or features and their tags."""
        seen, tags = batch
        return tag_loss(self.network(seen), tags, self.weight)

    def rate_of(self, name: str) -> float:
        """Return the share of the step size: smaller for convolutions that started trained."""
        started_trained = self.settings.weights != "none" and ".encoder." in name
        return self.settings.convolution_rate if started_trained else 1.0


class MaskStage(Stage):
    """Stage 2: bridging layers and segmentation network, from masks.

    Args:
        network: its classifier is frozen and in eval mode already.
        settings: the schedule.
        seed: fixes what is random in a step.
        name: of the round, see ``budget.rounds_of``.
    """

    network: DecoupledNet
    settings: SegmenterSettings

    def __init__(
        self,
        network: DecoupledNet,
        settings: SegmenterSettings,
        *,
        seed: int,
        name: str = "segmenter",
    ) -> None:
        super().__init__(
            network,
            settings,
            name=name,
            title=round_title(TITLES[1], name),
            seed=seed,
            frozen="classifier.",
            section="segmenter",
        )
        self.register_buffer("pixels", torch.zeros(2), persistent=False)

    pixels: Tensor

    def loss(self, batch: MaskedExample) -> Tensor:
        """Return the two-class cross-entropy of a batch of asked-for maps."""
        score = self.network(batch.image, batch.asked, batch.present, self._shown(batch.asked))
        return mask_loss(score, batch.target)

    def _shown(self, asked: Tensor) -> Tensor | None:
        """Return (B, L) which classes have their f_cls shown: all or none of a sample."""
        dropout = self.settings.saliency_dropout
        if not dropout:
            return None
        drawn = torch.rand(len(asked), 1, device=asked.device)
        return (drawn >= dropout).expand(asked.shape)

    def rate_of(self, name: str) -> float:
        """Return 1: bridge and decoder start together and learn alike."""
        del name
        return 1.0

    def on_validation_epoch_start(self) -> None:
        """Forget the pixels counted before."""
        self.pixels.zero_()

    def validation_step(self, batch: MaskedExample, _: int) -> None:
        """Count the foreground of a batch of held-out training masks."""
        score = self.network(batch.image, batch.asked, batch.present)
        self.pixels += binary_iou(score, batch.target)

    def on_validation_epoch_end(self) -> None:
        """Log the foreground IoU over all held-out masks."""
        both, either = self.trainer.strategy.reduce(self.pixels, reduce_op="sum")
        self.log(HELD_OUT_IOU, both / either.clamp(min=1), rank_zero_only=False)
