"""From a run folder to ``report.html``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from decouplednet.annotations.files import write_atomically
from decouplednet.errors import DataError
from decouplednet.report.finished_run import Result, read_result, read_run
from decouplednet.report.page import page_parts, page_values
from decouplednet.report.picture_parts import picture_values
from decouplednet.report.plots import MOST_LINES
from decouplednet.report.template import render

REPORT = "report.html"
SEEN_RUN = "this run"


def write_report(
    run: Path | str,
    *,
    data: Path | str | None = None,
    comparison: Mapping[str, Path | str] | None = None,
    pictures: bool = True,
    device: str = "auto",
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> Path:
    """Write the page about a finished run into its folder; an older page is replaced.

    The pictures are computed anew from the model and the images of the data set.

    Args:
        run: the run's folder.
        data: where the data set lies now, if it was moved since the training.
        comparison: folders of runs whose curves and scores stand beside this one's, by the name
            they get on the page; only their ``curves.csv`` and ``metrics.json`` are read.
        pictures: False writes the page from scores and curves alone, when the data set is gone.
        device: where the pictures are computed: ``auto``, ``cpu`` or ``cuda``.
        progress: shows how far each list of images is done.

    Returns:
        The page: one HTML file that needs no other file and no network.

    Raises:
        DataError: the run is not finished, one of its files is damaged, the data set is gone or
            has lost an image, or there are more runs to compare than curves can be told apart.
        SettingsError: its ``settings.toml`` is damaged.
        ModelError: its model is damaged.
        DeviceError: the device is absent.
    """
    folder = Path(run)
    found = read_run(folder)
    results = {SEEN_RUN: found.result, **_beside(comparison or {})}
    scored = found.result.outcome.predicted_tags is not None
    values = page_values(found, results) | {"parts": page_parts(scored=scored, pictured=pictures)}
    if pictures:
        place = Path(data) if data is not None else None
        values |= picture_values(found, data=place, device=device, progress=progress)
    page = folder / REPORT
    write_atomically(page, render(values).encode())
    return page


def _beside(comparison: Mapping[str, Path | str]) -> dict[str, Result]:
    if len(comparison) >= MOST_LINES:
        raise DataError(
            f"{len(comparison)} runs to compare; a page shows at most {MOST_LINES - 1} beside its "
            "own"
        )
    if SEEN_RUN in comparison:
        raise DataError(f"{SEEN_RUN!r} is the page's own run; give the other run another name")
    return {name: read_result(Path(path)) for name, path in comparison.items()}
