"""How the cost of an image grows with the number of classes, with its side, and of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from decouplednet.benchmark.folder import resident_while_predicting
from decouplednet.benchmark.memory import in_own_process
from decouplednet.benchmark.original import own_maps, passes_of
from decouplednet.benchmark.subject import Subject
from decouplednet.benchmark.timing import Timing, Work, in_turns, waiting
from decouplednet.networks.presets import nearest_side, preset_named

CLASSES = (20, 200, 2000)
SIDES = (0.5, 1.0, 1.5)  # shares of the side
FOLDER_PRESET, FOLDER_SIDE, FOLDER_CLASSES = "tiny", 96, 20


@dataclass(frozen=True, slots=True)
class Growth:
    """Seconds of one image with one identified class, by what grows.

    Args:
        classes: by L.
        sides: by the side in pixels.
    """

    classes: dict[int, Timing]
    sides: dict[int, Timing]


def growth_of(subject: Subject, repetitions: int, *, quiet: bool) -> Growth:
    """Return how long an image takes with more classes known, and with larger sides.

    Args:
        subject: measured with its own preset and precision.
        repetitions: of each.
        quiet: show no bar.
    """
    preset = preset_named(subject.preset)
    sides = dict.fromkeys(nearest_side(preset, round(share * subject.side)) for share in SIDES)
    by_classes = [replace(subject, classes=classes) for classes in CLASSES]
    by_side = [replace(subject, side=side) for side in sides]
    classes = _timed(by_classes, CLASSES, repetitions, "classes", quiet)
    return Growth(classes, _timed(by_side, list(sides), repetitions, "sides", quiet))


def _timed(
    subjects: Sequence[Subject], names: Sequence[int], repetitions: int, title: str, quiet: bool
) -> dict[int, Timing]:
    work = {str(name): _one_class(one) for name, one in zip(names, subjects, strict=True)}
    wait = waiting(subjects[0].device)
    timed = in_turns(work, repetitions, wait=wait, quiet=quiet, title=title)
    return {int(name): timing for name, timing in timed.items()}


def _one_class(subject: Subject) -> Work:
    asked = passes_of(1, subject.classes).to(subject.device)
    return lambda: own_maps(subject.network, subject.image, asked, subject.precision)


def memory_of_folder(count: int) -> list[int]:
    """Return the bytes resident after each tenth of a folder, predicted by the smallest preset.

    Args:
        count: images in the folder, at least 10.
    """
    small = Subject(FOLDER_PRESET, FOLDER_CLASSES, FOLDER_SIDE, None, torch.device("cpu"))
    return in_own_process(resident_while_predicting, small, count)


def linear_fit(seconds: dict[int, float]) -> tuple[float, float, float]:
    """Return the seconds of an image, those of each class more, and the worst miss of the line.

    Args:
        seconds: of an image, by K from 2 on, where each class adds one pass.

    Returns:
        Intercept and slope of the least squares line, and its largest distance as a share.

    >>> linear_fit({2: 5.0, 3: 6.0, 5: 8.0})
    (3.0, 1.0, 0.0)
    """
    counts = torch.tensor([[1.0, float(count)] for count in seconds], dtype=torch.float64)
    taken = torch.tensor(list(seconds.values()), dtype=torch.float64)
    first, slope = torch.linalg.lstsq(counts, taken[:, None]).solution[:, 0].tolist()
    misses = (counts @ torch.tensor([first, slope], dtype=torch.float64) - taken).abs() / taken
    return round(first, 9), round(slope, 9), round(float(misses.max()), 9)
