"""Stage 3 as a Lightning module: one network learns tags, positions and masks together."""

import torch
from torch import Tensor

from decouplednet.dataset.mixed import MixedExample
from decouplednet.inference.procedure import Procedure
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.stage_settings import SelfTrainingSettings
from decouplednet.training.losses import mask_loss, position_loss, tag_loss
from decouplednet.training.stages import TITLES, Stage


class StudentStage(Stage):
    """Stage 3: classifier, bridge and decoder from masks and pseudo-masks.

    f_cls is read in the same pass as the scores and, as in stage 2, is a value without gradient.

    Args:
        network: what may learn requires gradients; its classifier is in eval mode.
        settings: the schedule and the weights of the three objectives.
        weight: (L,) weight of a present tag, as from ``class_weights``.
        seed: fixes what is random in a step.
        withheld: (L,) the classes whose f_cls the bridge is never shown; None: it always is.
    """

    network: DecoupledNet
    settings: SelfTrainingSettings
    weight: Tensor

    def __init__(
        self,
        network: DecoupledNet,
        settings: SelfTrainingSettings,
        *,
        weight: Tensor,
        seed: int,
        withheld: tuple[bool, ...] | None = None,
    ) -> None:
        super().__init__(
            network,
            settings,
            name="student",
            title=TITLES[2],
            seed=seed,
            frozen="",
            section="self_training",
        )
        self.register_buffer("weight", weight)
        self._procedure = Procedure(withheld=withheld)

    def loss(self, batch: MixedExample) -> Tensor:
        """Return the weighted sum of the losses of tags, positions and pixels."""
        example, weight = batch.example, batch.weight
        traced = self.network.classifier.trace(example.image)
        seed = self.network.bridge.seed(traced.score.detach().sigmoid(), example.asked)
        image_index = torch.arange(len(example.image), device=example.image.device)
        shown = self._procedure.shown(example.present)
        g = self.network.activation(traced, image_index, seed, example.present, shown)
        pixels = mask_loss(self.network.decode(g, traced, image_index), example.target, weight)
        grid = traced.encoded.pool5.shape[2], traced.encoded.pool5.shape[3]
        positions = position_loss(traced.head.score_map, example.mask, grid)
        settings = self.settings
        tags = tag_loss(traced.score, example.tags, self.weight)
        return pixels + settings.tag_weight * tags + settings.position_weight * positions

    def rate_of(self, name: str) -> float:
        """Return the share of the step size: smaller for what was trained longer before."""
        if ".encoder." in name:
            return self.settings.convolution_rate
        return self.settings.head_rate if ".head." in name else 1.0
