"""Baseline: one network for all classes, trained from the masks alone."""

from torch import Tensor

from decouplednet.comparison.baselines.network import start_one_network
from decouplednet.comparison.baselines.pixel_network import PixelNetwork
from decouplednet.comparison.baselines.pixel_stage import PixelStage, encoder_rate, run_stage
from decouplednet.comparison.baselines.prediction import PixelPredictor, pixel_predictor
from decouplednet.dataset.masked import ClassExample, ClassImages
from decouplednet.stage_settings import SegmenterSettings
from decouplednet.training.losses import mask_loss
from decouplednet.training.plan import Plan
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.segmenter import masked_images, split_held_out

STAGE = "one_network"
TITLE = "one network, masks"


class ClassStage(PixelStage):
    """Train one network for all classes from masks.

    Args:
        network: its frozen groups stay as they are.
        settings: the schedule.
        seed: fixes what is random in a step.
        encoder_rate: share of the step size of the convolutions that learn.
    """

    def __init__(
        self, network: PixelNetwork, settings: SegmenterSettings, *, seed: int, encoder_rate: float
    ) -> None:
        super().__init__(
            network, settings, name=STAGE, title=TITLE, seed=seed, encoder_rate=encoder_rate
        )

    def loss(self, batch: ClassExample) -> Tensor:
        """Return the softmax cross-entropy over background and all classes."""
        return mask_loss(self.network(batch.image), batch.target)


def train_one_network(plan: Plan, folder: RunFolder) -> PixelPredictor:
    """Train one network for all classes from the masks of a run, and return what predicts.

    It has the encoder and its weights, the masks, the windows, flips, scales and colours, and the
    schedule of ``[segmenter]``, as stage 2 of ours; the tags of the images play no part. Of its
    convolutions ``learning_groups`` learn from the masks, at ``classifier.convolution_rate`` of
    the step size where they start from trained weights. Windows lie around all classes of an
    image, because every one of them is learnt at once. A stage that ended before is read back,
    one that was interrupted goes on.

    Args:
        plan: of the run.
        folder: of the run; its checkpoints and learning curve are written.

    Raises:
        DataError: an image or mask cannot be read, or no mask holds a chosen class.
        TrainingError: see ``fit``; or too few masks to hold some out, or what the stage left
            behind is damaged.
    """
    network = start_one_network(plan)
    train_from_masks(network, plan.settings.segmenter, plan, folder)
    return pixel_predictor(network, plan)


def train_from_masks(
    network: PixelNetwork,
    settings: SegmenterSettings,
    plan: Plan,
    folder: RunFolder,
    *,
    fewest: int = 1,
) -> None:
    """Train a network from the masks of a run, in place; see ``train_one_network``.

    Args:
        network: untrained, such as ``start_one_network`` returns.
        settings: the schedule, where it is not the plan's.
        plan: of the run.
        folder: of the run.
        fewest: images that a step may have.
    """
    seed = plan.settings.seed
    train, held_out = split_held_out(plan.roles.masks, settings.held_out, seed)
    examples = ClassImages(masked_images(plan, train))
    stage = ClassStage(network, settings, seed=seed, encoder_rate=encoder_rate(plan.settings))
    run_stage(
        stage,
        examples,
        plan,
        folder,
        labelled=examples,
        held_out=held_out,
        fewest=max(fewest, plan.fewest_images(plan.window_side)),
    )
