"""What a run will do, decided and checked before anything is written or trained."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from decouplednet.annotations.catalogue import Catalogue, Record
from decouplednet.annotations.roles import (
    Roles,
    assign_roles,
    check_classes_present,
    choose_classes,
    choose_masked_classes,
)
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.errors import SettingsError, TrainingError
from decouplednet.networks.modern import preset_with
from decouplednet.networks.presets import Preset
from decouplednet.settings import Settings
from decouplednet.stage_settings import StageSettings
from decouplednet.training.backbones import read_backbone
from decouplednet.training.budget import Budget
from decouplednet.training.choices import Choice, check_groups, choose
from decouplednet.training.estimate import Cost, cost_of
from decouplednet.training.held_out import number_held_out, share_held_out
from decouplednet.training.machine import Machine, machine
from decouplednet.training.pretrained import read_start
from decouplednet.training.step_size import step_size


@dataclass(frozen=True, slots=True)
class Plan:
    """A run before it starts: every choice made, every file it depends on found.

    Args:
        settings: with nothing left to choose.
        catalogue: the data set.
        classes: the classes that will be learnt.
        masked_classes: those of them whose masks are learnt.
        roles: which images give tags, which masks, which are only scored.
        tags: of each image in ``roles.tags``, from what the run may use.
        preset: sizes of the network.
        frame: how images are prepared.
        pretrained: weights of the encoder to start from; None: from scratch.
        machine: where it computes.
        cost: what one image costs in stage 1 and in prediction.
        window_cost: what one window costs in stage 2.
        student_cost: what one window of stage 3 would cost in stage 2.
        choices: what was left open, and why it became what it is.
        budget: how the time is divided; None where ``minutes`` are not given, or were divided
            when the run began.
    """

    settings: Settings
    catalogue: Catalogue
    classes: ClassList
    masked_classes: ClassList
    roles: Roles
    tags: tuple[frozenset[str] | None, ...]
    preset: Preset
    frame: Frame
    pretrained: Mapping[str, Tensor] | None
    machine: Machine
    cost: Cost
    window_cost: Cost
    student_cost: Cost
    choices: tuple[Choice, ...] = ()
    budget: Budget | None = None

    @property
    def side(self) -> int:
        """Side of the frame, in pixels."""
        return self.frame.side

    @property
    def window_side(self) -> int:
        """Side of the training windows of stage 2, in pixels."""
        return self.settings.segmenter.side or self.frame.side

    @property
    def student_side(self) -> int:
        """Side of the training windows of stage 3, in pixels."""
        return self.settings.self_training.side or self.window_side

    @property
    def unmasked(self) -> tuple[Record, ...]:
        """The images that give tags and no mask, with the tags that the run may use.

        Those of which something is unsaid are not among them: told their tags alone, the network
        would take a class that nobody spoke of for background.
        """
        drawn = {record.name for record in self.roles.masks}
        learnt = frozenset(self.classes)
        return tuple(
            replace(record, tags=names)
            for record, names in zip(self.roles.tags, self.tags, strict=True)
            if record.name not in drawn and names is not None
            if not record.unsaid & learnt - names
        )

    @property
    def classes_without_masks(self) -> tuple[str, ...]:
        """The classes that are learnt from tags alone, in the order of the class list."""
        return tuple(name for name in self.classes if name not in self.masked_classes)

    def fewest_images(self, side: int) -> int:
        """Return the images that a step needs: two where the bridge's inner grid is 1 x 1.

        Batch normalisation has no variance of a single value.

        Args:
            side: of the windows, in pixels.
        """
        return 2 if side == self.preset.stride * self.preset.bridge_kernel else 1


def make_plan(data: Catalogue | Path, settings: Settings, *, progress: bool = False) -> Plan:
    """Decide and check what a run will do.

    Args:
        data: the data set, or its folder.
        settings: of the run; what is left open is chosen.
        progress: whether the run will show bars.

    Raises:
        DataError: the data set, a split or a class cannot be used.
        SettingsError: a side does not fit the preset, more groups shall learn than it has, the
            step is too small for the side, or thresholds are to be chosen by tags of which none
            are kept for it.
        ModelError: the backbone or the weights cannot be read, or are not those of the preset.
        DeviceError: the device asked for is absent.
        TrainingError: the images of an update cannot be shared evenly by the devices, or too many
            masks shall be held out.
    """
    where = machine(settings.compute, progress=progress)
    catalogue = data if isinstance(data, Catalogue) else Catalogue.read(data)
    classes = choose_classes(catalogue.classes, settings.data)
    roles = assign_roles(catalogue, settings.data, settings.seed)
    masked = frozenset(roles.masks)
    tags = tuple(
        catalogue.training_tags(record, mask_given=record in masked) for record in roles.tags
    )
    check_classes_present(classes, tags, catalogue.root)
    return _assembled(settings, where, catalogue=catalogue, classes=classes, roles=roles, tags=tags)


def replanned(plan: Plan, settings: Settings) -> Plan:
    """Return the plan of a run on the same data and machine with other settings.

    Args:
        plan: of the run before.
        settings: what is left open is chosen; ``data``, ``seed`` and ``compute`` are as before.

    Raises:
        SettingsError, ModelError, TrainingError: see ``make_plan``.
    """
    return _assembled(
        settings,
        plan.machine,
        catalogue=plan.catalogue,
        classes=plan.classes,
        roles=plan.roles,
        tags=plan.tags,
    )


def _assembled(
    settings: Settings,
    where: Machine,
    *,
    catalogue: Catalogue,
    classes: ClassList,
    roles: Roles,
    tags: tuple[frozenset[str] | None, ...],
) -> Plan:
    found = read_backbone(settings.backbone) if settings.backbone else None
    preset = preset_with(settings.preset, found.backbone if found else None)
    masked = choose_masked_classes(classes, settings.data)
    counts = {"tagged": len(roles.tags), "masked": len(roles.masks)}
    chosen, choices = choose(settings, preset, **counts, all_masked=set(masked) == set(classes))
    side = chosen.side or preset.side
    window_side = chosen.segmenter.side or side
    student_side = chosen.self_training.side or window_side
    check_groups(chosen, preset)
    costs = {one: cost_of(preset, len(classes), one) for one in {side, window_side, student_side}}
    start = read_start(chosen.classifier.weights or "none", preset, side, found)
    plan = Plan(
        settings=chosen,
        catalogue=catalogue,
        classes=classes,
        masked_classes=masked,
        roles=roles,
        tags=tags,
        preset=preset,
        frame=start.frame,
        pretrained=start.tensors,
        machine=where,
        cost=costs[side],
        window_cost=costs[window_side],
        student_cost=costs[student_side],
        choices=choices,
    )
    check_step(plan)
    check_calibration(plan)
    check_held_out(plan)
    return plan


def check_held_out(plan: Plan) -> None:
    """Refuse to hold out all masks.

    Raises:
        TrainingError: none would be left to stage 2.
    """
    setting, share = share_held_out(plan.settings, labels=bool(plan.unmasked))
    number_held_out(len(plan.roles.masks), share, setting)


def check_calibration(plan: Plan) -> None:
    """Refuse to choose thresholds by tags of which none are kept for it.

    Raises:
        SettingsError: none are kept.
    """
    settings = plan.settings
    if settings.prediction.threshold_choice == "calibrated" and not plan.roles.calibration:
        raise SettingsError(
            'prediction.threshold_choice = "calibrated" chooses by tags that nothing learns from, '
            f"and data.calibration_share = {settings.data.calibration_share:g} keeps none; "
            "set data.calibration_share=0.1 or more, for tagged images without a mask"
        )


def check_step(plan: Plan) -> None:
    """Refuse steps of stages 2 and 3 that have too few images for batch normalisation.

    Raises:
        SettingsError: there are too few.
        TrainingError: the images of an update cannot be shared evenly by the devices.
    """
    settings = plan.settings
    _check_step_of("segmenter", settings.segmenter, plan.window_side, plan)
    if settings.self_training.enabled:
        _check_step_of("self_training", settings.self_training, plan.student_side, plan)


def _check_step_of(section: str, stage: StageSettings, side: int, plan: Plan) -> None:
    devices, fewest = plan.machine.devices, plan.fewest_images(side)
    try:
        images = step_size(stage, devices)
    except TrainingError as fault:
        raise TrainingError(f"{section}: {fault}") from None
    if images < fewest:
        raise SettingsError(
            f"{section}: {images} image in a step, but batch normalisation needs at least "
            f"{fewest} in windows of {side} pixels, where preset {plan.preset.name} has an inner "
            f"grid of 1 x 1; set {section}.images_per_step=2 with {section}.images_per_update a "
            f"multiple of {2 * devices}, or {section}.side={side + plan.preset.stride} or more"
        )
