"""The table of colours to begin with, where masks are in colours and nobody says in which."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from decouplednet.annotations.findings import Finding
from decouplednet.annotations.mask_files import shown_colours
from decouplednet.annotations.mask_kinds.colours import colour_of_code, strips
from decouplednet.errors import DataError

MOST_COLOURS = 40  # of masks that are drawn; smoothed masks and photographs have more
_MASKS = 50  # looked at, evenly over the data set
_BLACK, _WHITE = 0, 0xFFFFFF


def missing_table(masks: Sequence[Path], table: Path) -> Finding:
    """Return the finding that no table says what the colours of masks mean.

    It lists the colours by their share of the pixels, and the command that writes a table to
    begin with: black as background; white as ignored, where there are other colours; a class for
    each of the others.

    Args:
        masks: all of them; at most 50 are opened, and those that cannot be read are passed over.
        table: the file to write.
    """
    chosen = [masks[at] for at in sorted({round(at) for at in _places(len(masks))})]
    counts, read = _counts(chosen)
    seen = f"{read} of {len(masks)} masks" if len(masks) != 1 else "the mask"
    if len(counts) > MOST_COLOURS:
        message = (
            f"the masks are pictures in more than {MOST_COLOURS} colours (in {seen}), too many for "
            "classes; export one flat colour for each class, without smoothing, as PNG"
        )
        return Finding("colour-mask", str(table), message)
    listed = _shares(counts)
    lines = r"\n".join(("name,r,g,b", *_lines([code for code, _ in counts.most_common()])))
    message = (
        f"the masks are in colours, and nothing says what these mean; in {seen}: {listed}; write "
        f"a table, and put your classes in place of its names: printf '{lines}\\n' > "
        f"{shlex.quote(str(table))}"
    )
    return Finding("colour-table-missing", str(table), message)


def _places(count: int) -> list[float]:
    if count <= _MASKS:
        return [float(at) for at in range(count)]
    return [at * (count - 1) / (_MASKS - 1) for at in range(_MASKS)]


def _counts(masks: Sequence[Path]) -> tuple[Counter[int], int]:
    """Return how many pixels have each colour, until there are too many, and of how many masks."""
    counts: Counter[int] = Counter()
    read = 0
    for path in masks:
        try:
            shown = shown_colours(path)
        except DataError:  # whoever reads the mask is told
            continue
        read += 1
        for codes in strips(shown):
            for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
                counts[int(code)] += int(count)
            if len(counts) > MOST_COLOURS:
                return counts, read
    return counts, read


def _shares(counts: Counter[int]) -> str:
    total = max(1, counts.total())
    return ", ".join(
        f"{_spelt(code)} ({100 * count / total:.1f} %)" for code, count in counts.most_common()
    )


def _lines(codes: Sequence[int]) -> list[str]:
    """Return the lines of a table: background, the classes, and what is ignored."""
    white_is_class = set(codes) <= {_BLACK, _WHITE}
    classes = [code for code in codes if code != _BLACK and (code != _WHITE or white_is_class)]
    lines = [f"background,{_spelt(_BLACK)}"]
    lines += [f"class-{at},{_spelt(code)}" for at, code in enumerate(classes, start=1)]
    if _WHITE in codes and not white_is_class:
        lines.append(f"ignored,{_spelt(_WHITE)}")
    return lines


def _spelt(code: int) -> str:
    return ",".join(map(str, colour_of_code(code)))
