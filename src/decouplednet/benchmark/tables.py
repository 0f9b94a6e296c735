"""What a benchmark found, as tables to print."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from decouplednet.benchmark.breakdown import Breakdown
from decouplednet.benchmark.report import OTHERS, Report, ways_of
from decouplednet.benchmark.stages import STAGES
from decouplednet.inference.batches import IMAGES_AT_ONCE


def tables(report: Report) -> Iterator[Table]:
    """Yield the tables that are printed.

    Args:
        report: what was found.
    """
    yield _of_ways(report)
    for precision, breakdown in report.breakdowns.items():
        yield _of_stages(breakdown, precision)
    yield _of_operations(report.breakdowns["float32"])
    rest = Table(title="Altogether", show_header=False)
    for row in _rest(report):
        rest.add_row(*row)
    yield rest


def _of_ways(report: Report) -> Table:
    title = f"One image of {report.about['side']} pixels, milliseconds"
    table = _by_count(title, "way", list(report.whole))
    for way in ways_of(report.whole):
        cells = [
            f"{1e3 * of[way].median:.0f} ({report.speedup(k, way).median:.1f} x)"
            for k, of in report.whole.items()
        ]
        table.add_row(OTHERS.get(way, f"ours, {way}"), *cells)
    return table


def _of_stages(breakdown: Breakdown, precision: str) -> Table:
    title = f"Stages in {precision}: milliseconds (share of the ceiling)"
    table = _by_count(title, "stage", list(breakdown.stages))
    for name in STAGES:
        table.add_row(name, *(_stage(breakdown, k, name) for k in breakdown.stages))
    return table


def _stage(breakdown: Breakdown, count: int, name: str) -> str:
    stage = breakdown.stages[count].get(name)
    if stage is None:
        return ""
    took = f"{1e3 * stage.timing.median:.1f}"
    share = 100 * breakdown.share(count, name).median
    return f"{took} ({share:.0f} %)" if stage.operations else took


def _of_operations(breakdown: Breakdown) -> Table:
    table = _by_count("Stages: GFLOP", "stage", list(breakdown.stages))
    for name in STAGES:
        found = [of.get(name) for of in breakdown.stages.values()]
        table.add_row(name, *(f"{one.operations / 1e9:.2f}" if one else "" for one in found))
    return table


def _by_count(title: str, first: str, counts: Sequence[int]) -> Table:
    table = Table(title=title)
    table.add_column(first, no_wrap=True)
    for count in counts:
        table.add_column(f"K = {count}", justify="right")
    return table


def _rest(report: Report) -> Iterator[tuple[str, str]]:
    yield "precisions within the bounds of accuracy", ", ".join(report.within_bounds)
    for count in (1, 3):
        times = report.speedup(count, report.mode).median
        yield f"K = {count} in the fastest of them, {report.mode}", f"{times:.1f} x the original"
    yield from _limits(report)
    computing = 100 * report.predict_over_stages().median
    yield "predicting a folder", f"{computing:.0f} % of its time is computing"
    step = report.training_speedup().median
    yield "training step, stage 2", f"{step:.2f} times as fast as a plain float32 loop"
    step = report.tag_speedup().median
    yield "the same of stage 1, features kept", f"{step:.2f} times"
    for name, peak in report.memory.items():
        most = (
            f"{peak.image / 1e9:.2f} GB; {IMAGES_AT_ONCE} images at once {peak.batch / 1e9:.2f} GB"
        )
        yield f"peak memory at K = 5, once loaded, {name}", most
    yield from _growth(report)


def _limits(report: Report) -> Iterator[tuple[str, str]]:
    for name, of in report.breakdowns.items():
        yield f"convolution ceiling, {name}", f"{of.ceiling / 1e9:.0f} GFLOP/s"
    share = 100 * report.share_of_ceiling(3).median
    yield "encoder and decoder at K = 3", f"{share:.0f} % of the ceiling"
    yield "largest difference of the ways in float64", f"{report.difference:.1g} of 1"


def _growth(report: Report) -> Iterator[tuple[str, str]]:
    classes = report.growth.classes
    few, many = min(classes), max(classes)
    times = classes[many].median / classes[few].median
    yield f"{many} classes known in place of {few}", f"{times:.2f} times as long"
    for side, timing in report.growth.sides.items():
        yield f"one class at {side} pixels", f"{1e3 * timing.median:.0f} ms"
    if report.resident:
        grown = (max(report.resident) - report.resident[0]) / 1e6
        yield "most memory after a tenth of a folder, against that", f"{grown:+.0f} MB"
