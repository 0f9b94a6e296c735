"""Stage 2: where the asked-for classes are, learnt from masks with the classifier frozen."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from decouplednet.annotations.catalogue import Record
from decouplednet.dataset.masked import MaskedImages
from decouplednet.dataset.store import ImageStore
from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.stage_settings import SegmenterSettings
from decouplednet.training.budget import rounds_of
from decouplednet.training.checkpoints import read_learnt, write_learnt
from decouplednet.training.estimate import STORE_BYTES
from decouplednet.training.fit import fit
from decouplednet.training.held_out import SEGMENTER, number_held_out, share_held_out
from decouplednet.training.plan import Plan
from decouplednet.training.pseudo_masks import Belief, choose_belief, teacher
from decouplednet.training.run_folder import RunFolder
from decouplednet.training.stages import MaskStage
from decouplednet.training.statistics import estimate_statistics
from decouplednet.training.step_size import step_size
from decouplednet.training.timetable import UNTIMED, Watch, timed

T = TypeVar("T")
LATER_ROUND = 10**6  # from the seed of the first round to that of the second; runs have small seeds
HELD_OUT_DRAWS = 4  # samples of each held-out mask that decide when to stop


class FirstDraws(Dataset[T]):
    """The first draws of an endless stream, the same ones each time.

    Args:
        examples: the stream.
        count: how many.
    """

    def __init__(self, examples: Dataset[T], count: int) -> None:
        self._examples = examples
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, draw: int) -> T:
        """Return a draw below ``count``."""
        return self._examples[draw]


def train_segmenter(
    network: DecoupledNet, plan: Plan, folder: RunFolder, watch: Watch = UNTIMED
) -> None:
    """Train bridge and decoder from masks, in place; leave the network in eval mode.

    Before a stage 3, it has two rounds: the first leaves out the masks by which is chosen how far
    its labels are believed, the second goes on with all of them. A round that ended before is read
    back instead.

    Args:
        network: its classifier is trained and frozen.
        plan: of the run.
        folder: of the run.
        watch: says when the run must end.

    Raises:
        DataError: an image or mask cannot be read, or no mask holds a chosen class.
        TrainingError: see ``fit``; or what stage 2 left behind is damaged.
    """
    rounds = rounds_of("segmenter", plan.settings)
    ended = [number for number, name in enumerate(rounds, 1) if folder.learnt(name).exists()]
    if ended:
        learnt = folder.learnt(rounds[ended[-1] - 1])
        network.load_state_dict(read_learnt(learnt, _learnt(network)), strict=False)
    for number in range(max(ended, default=0) + 1, len(rounds) + 1):
        if number > 1 and plan.unmasked:
            belief_of(network, plan, folder)
        _train_round(number, network, plan, folder, watch)
        write_learnt(folder.learnt(rounds[number - 1]), _learnt(network))
    network.eval()


def belief_of(network: DecoupledNet, plan: Plan, folder: RunFolder) -> Belief:
    """Return from where on pixels of pseudo-masks are believed, chosen once for a run.

    Args:
        network: has not learnt from the held-out masks, unless the belief was chosen before.
        plan: of the run.
        folder: of the run.

    Raises:
        DataError: a held-out image or mask cannot be read.
        TrainingError: what an earlier attempt wrote is damaged.
    """
    if folder.belief.exists():
        return Belief(**folder.read_belief(plan.classes))
    _, held_out = split_for_segmenter(plan)
    belief = choose_belief(
        teacher(network, plan),
        plan.catalogue,
        held_out,
        masked=plan.masked_classes,
        wanted=plan.settings.self_training.right,
        undenied=plan.settings.self_training.undenied,
    )
    folder.write_json(folder.belief, asdict(belief))
    return belief


def _learnt(network: DecoupledNet) -> dict[str, Tensor]:
    """Return what stage 2 changes: bridge and decoder."""
    state = network.state_dict()
    return {name: state[name] for name in state if not name.startswith("classifier.")}


def _train_round(
    number: int, network: DecoupledNet, plan: Plan, folder: RunFolder, watch: Watch
) -> None:
    """Train a round of stage 2, counted from 1, of which only a first stops early."""
    rounds = rounds_of("segmenter", plan.settings)
    settings = plan.settings.segmenter
    if len(rounds) == 2:
        settings = _half(settings, number)
    settings = timed(settings, "segmenter", network, plan, folder, watch, number=number)
    train, held_out = split_for_segmenter(plan) if number == 1 else (plan.roles.masks, ())
    # The second round cuts windows of its own, and the first those of a stage with one round.
    seed = plan.settings.seed + LATER_ROUND * (number - 1)
    examples = masked_images(plan, train, seed=seed)
    measured = masked_images(plan, held_out) if settings.held_out else None
    stage = MaskStage(network, settings, seed=seed, name=rounds[number - 1])
    fit(
        stage,
        examples,
        folder=folder.checkpoints / stage.name,
        curve=folder.curves,
        compute=plan.machine,
        held_out=FirstDraws(measured, HELD_OUT_DRAWS * len(held_out)) if measured else None,
        patience=settings.patience,
        fewest=plan.fewest_images(plan.window_side),
        clock=watch.clock,
    )
    if settings.statistics_batches and number == len(rounds):
        network.to(plan.machine.device)
        size = step_size(settings, plan.machine.devices)
        draws = FirstDraws(examples, settings.statistics_batches * size)
        batches = (
            (batch.image, batch.asked, batch.present)
            for batch in DataLoader(draws, batch_size=size)
        )
        parts = [network.get_submodule(name) for name in ("bridge", "decoder")]
        estimate_statistics(network, parts, batches, plan.machine.device, plan.machine.precision)


def _half(settings: SegmenterSettings, number: int) -> SegmenterSettings:
    """Return the settings of the first or second half, of which the second does not stop early."""
    changes: dict[str, Any] = {}
    if settings.updates is not None:
        changes["updates"] = max(1, (settings.updates + 2 - number) // 2)
    if settings.minutes is not None:
        changes["minutes"] = settings.minutes / 2
    if number == 2:
        changes |= {"held_out": 0.0, "patience": None}
    return settings.model_copy(update=changes)


def split_for_segmenter(plan: Plan) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """Return the records whose masks train stage 2, and those kept for what is chosen by them.

    Raises:
        TrainingError: nothing would be left to train from; ``make_plan`` has looked already.
    """
    setting, share = share_held_out(plan.settings, labels=bool(plan.unmasked))
    return split_held_out(plan.roles.masks, share, plan.settings.seed, setting)


def split_held_out(
    records: Sequence[Record], share: float, seed: int, setting: str = SEGMENTER
) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """Return the records that train and those kept for early stopping.

    Args:
        records: with masks, in their order.
        share: of the records that are kept, in [0, 1); at least one when above 0.
        seed: fixes which.
        setting: name of the share, for the message.

    Raises:
        TrainingError: nothing would be left to train from.
    """
    number = number_held_out(len(records), share, setting)
    order = np.random.default_rng((seed, len(records))).permutation(len(records))
    kept = set(order[:number].tolist())
    return (
        tuple(record for place, record in enumerate(records) if place not in kept),
        tuple(record for place, record in enumerate(records) if place in kept),
    )


def masked_images(
    plan: Plan,
    records: Sequence[Record],
    *,
    side: int | None = None,
    drawn: bool = True,
    seed: int | None = None,
) -> MaskedImages:
    """Return the training examples that the masks of some records give.

    Args:
        plan: of the run.
        records: with masks.
        side: of the windows, in pixels; None: stage 2's.
        drawn: whether people drew them, in the ids of the data set; else they are pseudo-masks, in
            the ids of the run's classes, of which each may have some.
        seed: fixes the windows and their order; None: the run's.
    """
    return MaskedImages(
        records,
        source=plan.catalogue.classes if drawn else plan.classes,
        classes=plan.classes,
        others=plan.settings.data.others,
        masked=plan.masked_classes if drawn else plan.classes,
        frame=plan.frame.model_copy(update={"side": side or plan.window_side}),
        settings=plan.settings.segmenter,
        seed=plan.settings.seed if seed is None else seed,
        store=ImageStore(STORE_BYTES),
    )
