"""The benchmark: everything measured in one run, in turns."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from decouplednet.benchmark.breakdown import Breakdown, Stage
from decouplednet.benchmark.ceiling import convolutions
from decouplednet.benchmark.exported import Program, programs
from decouplednet.benchmark.folder import folder_and_computing, photographs
from decouplednet.benchmark.growth import growth_of, memory_of_folder
from decouplednet.benchmark.memory import is_measurable
from decouplednet.benchmark.original import original_maps, own_maps, passes_of, settled_maps
from decouplednet.benchmark.peak import Peak, peak_memory
from decouplednet.benchmark.report import Report, fastest
from decouplednet.benchmark.stages import operations_of, stages_of
from decouplednet.benchmark.subject import Subject
from decouplednet.benchmark.timing import Timing, Work, in_turns, waiting
from decouplednet.benchmark.training import tag_steps, training_steps
from decouplednet.classes import MOST_CLASSES
from decouplednet.errors import DeviceError, UsageError
from decouplednet.inference.accuracy import is_within_bounds
from decouplednet.inference.devices import choose_device, choose_precision, precision_word
from decouplednet.networks.presets import check_side, preset_named

IDENTIFIED = (0, 1, 2, 3, 5)
"""K, of the images that are timed."""
IN_MODE = (1, 3)
"""K, of the images that are timed stage by stage in the fastest mode too."""
FOLDER_IMAGES, FOLDER_CLASSES, MEMORY_CLASSES = 16, 3, 5
FEWEST_IMAGES = 10  # of a folder whose memory is watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a benchmark shall measure.

    Args:
        preset: its name, one with a VGG encoder.
        side: of the frame, in pixels; None: the preset's.
        classes: L, at least 5.
        repetitions: of everything that is timed, at least 1.
        images: of the folder over which memory is watched; 0: none.
        device: ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
        quiet: show no bars.

    Raises:
        DeviceError: the device is not on this machine.
        SettingsError: there is no such preset, or it cannot take such a side.
        UsageError: a number is out of range.
    """

    preset: str = "vgg16"
    side: int | None = None
    classes: int = 20
    repetitions: int = 5
    images: int = 1000
    device: str = "auto"
    quiet: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        choose_device(self.device)
        check_side(preset_named(self.preset), self.pixels, self.pixels)
        if not max(IDENTIFIED) <= self.classes <= MOST_CLASSES:
            raise UsageError(
                f"--classes {self.classes}: expected {max(IDENTIFIED)} to {MOST_CLASSES}"
            )
        if self.repetitions < 1:
            raise UsageError(f"--repetitions {self.repetitions}: expected at least 1")
        if self.images and self.images < FEWEST_IMAGES:
            raise UsageError(
                f"--images {self.images}: expected at least {FEWEST_IMAGES}, or 0 for none"
            )

    @property
    def pixels(self) -> int:
        """The side that is measured."""
        return self.side if self.side is not None else preset_named(self.preset).side

    @property
    def place(self) -> torch.device:
        """Where to compute."""
        return choose_device(self.device)


def benchmark(wanted: Wanted) -> Report:
    """Measure one preset.

    On a GPU the exported programs and 8 bits, which are the CPU's, and the memory of the process,
    which is not the GPU's, are left out.

    Args:
        wanted: what.
    """
    device = wanted.place
    exact = Subject(wanted.preset, wanted.classes, wanted.pixels, None, device)
    subjects = {precision_word(one): replace(exact, precision=one) for one in precisions_on(device)}
    with TemporaryDirectory(prefix="decouplednet-") as folder:
        others = _programs(exact, Path(folder), wanted)
        whole = {k: _ways(subjects, others, k, wanted) for k in IDENTIFIED}
    known = [w for w, one in subjects.items() if is_within_bounds(wanted.preset, one.precision)]
    quick, usual = subjects[mode := fastest(whole, known)], choose_precision("auto", device)
    breakdowns = {"float32": (of_exact := _breakdown(exact, IDENTIFIED, wanted))}
    if mode not in breakdowns:
        breakdowns[mode] = _breakdown(quick, IN_MODE, wanted, of_exact)
    return Report(
        about={**_about(wanted), "training_precision": precision_word(usual)},
        breakdowns=breakdowns,
        whole=whole,
        within_bounds=tuple(known),
        difference=_difference(exact),
        folder=_folder(quick, wanted),
        training=_in_turns(training_steps(exact, usual), wanted, "training"),
        tag_training=_in_turns(tag_steps(exact, usual), wanted, "training from tags"),
        memory=_memory(subjects, wanted),
        growth=growth_of(quick, wanted.repetitions, quiet=wanted.quiet),
        resident=tuple(_resident(wanted)),
    )


def _about(wanted: Wanted) -> dict[str, object]:
    return {
        "preset": wanted.preset,
        "side": wanted.pixels,
        "classes": wanted.classes,
        "repetitions": wanted.repetitions,
        "device": wanted.place.type,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def _breakdown(
    subject: Subject, counts: Sequence[int], wanted: Wanted, like: Breakdown | None = None
) -> Breakdown:
    """Return what each stage takes, the convolutions of the ceiling being timed in the same turns.

    Args:
        subject: whose network.
        counts: K.
        wanted: how often.
        like: of the same network, where the operations of the stages are counted already; bytes
            are not counted.
    """
    limits = convolutions(subject.device, subject.precision)
    stages: dict[int, dict[str, Stage]] = {}
    ceilings: dict[int, dict[str, Stage]] = {}
    for k in counts:
        with TemporaryDirectory(prefix="decouplednet-") as folder:
            work = stages_of(subject, k, Path(folder))
            convolve = {name: once for name, (once, _) in limits.items()}
            title = f"stages in {precision_word(subject.precision)}, K = {k}"
            timed = _in_turns({**work, **convolve}, wanted, title)
            flop = {
                name: like.stages[k][name].operations if like else operations_of(once)
                for name, once in work.items()
            }
        stages[k] = {name: Stage(timed[name], flop[name]) for name in work}
        ceilings[k] = {name: Stage(timed[name], of) for name, (_, of) in limits.items()}
    return Breakdown(stages, ceilings)


def precisions_on(device: torch.device) -> Sequence[torch.dtype | None]:
    """Return the precisions that this machine computes in, float32 first.

    Args:
        device: where.
    """
    found = [None, choose_precision("auto", device)]
    with suppress(DeviceError):
        found.append(choose_precision("int8", device))
    return list(dict.fromkeys(found))


def _ways(
    subjects: Mapping[str, Subject], others: Mapping[str, Program], count: int, wanted: Wanted
) -> dict[str, Timing]:
    exact = subjects["float32"]
    asked, image = passes_of(count, exact.classes).to(exact.device), exact.image

    def own(subject: Subject) -> Work:
        return lambda: own_maps(subject.network, image, asked, subject.precision)

    def by(program: Program) -> Work:
        return lambda: program(asked)

    work: dict[str, Work] = {
        "original": lambda: original_maps(exact.plain_network, image, asked),
        "settled": lambda: settled_maps(exact.network, image, asked),
        **{precision: own(subject) for precision, subject in subjects.items()},
        **{name: by(program) for name, program in others.items()},
    }
    return _in_turns(work, wanted, f"whole images, K = {count}")


def _difference(subject: Subject) -> float:
    """Return how far the ways are from each other in float64, where rounding plays no part.

    In float32 two values that are nearly equal may change places in a pooling.
    """
    exact = replace(subject)
    network, plain = exact.network.double(), exact.plain_network.double()
    asked = passes_of(3, subject.classes).to(subject.device)
    image = subject.image.double()
    expected = original_maps(plain, image, asked)
    ways = settled_maps(network, image, asked), own_maps(network, image, asked)
    return float(max((way - expected).abs().max() for way in ways))


def _folder(subject: Subject, wanted: Wanted) -> dict[str, Timing]:
    with photographs(subject, FOLDER_IMAGES) as images:
        work = folder_and_computing(subject, images, FOLDER_CLASSES)
        return _in_turns(work, wanted, "folder")


def _programs(subject: Subject, folder: Path, wanted: Wanted) -> Mapping[str, Program]:
    return programs(subject, folder) if _on_cpu(wanted) else {}


def _memory(subjects: Mapping[str, Subject], wanted: Wanted) -> dict[str, Peak]:
    if not (_on_cpu(wanted) and is_measurable()):
        return {}
    return {name: peak_memory(one, MEMORY_CLASSES) for name, one in subjects.items()}


def _resident(wanted: Wanted) -> Sequence[int]:
    measured = wanted.images and _on_cpu(wanted) and is_measurable()
    return memory_of_folder(wanted.images) if measured else ()


def _on_cpu(wanted: Wanted) -> bool:
    return wanted.place.type == "cpu"


def _in_turns(work: Mapping[str, Work], wanted: Wanted, title: str) -> dict[str, Timing]:
    wait = waiting(wanted.place)
    return in_turns(work, wanted.repetitions, wait=wait, quiet=wanted.quiet, title=title)
