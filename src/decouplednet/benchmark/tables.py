"""What a benchmark found, as tables to print."""

from collections.abc import Callable, Iterator, Sequence

from rich.table import Table

from decouplednet.benchmark.breakdown import Breakdown
from decouplednet.benchmark.report import OTHERS, Report, images_per_second, ways_of
from decouplednet.benchmark.stages import STAGES
from decouplednet.benchmark.timing import Timing
from decouplednet.benchmark.training import IMAGES
from decouplednet.inference.batches import IMAGES_AT_ONCE


def tables(report: Report) -> Iterator[Table]:
    """Yield the tables that are printed.

    Args:
        report: what was found.
    """
    title = f"One image of {report.about['side']} pixels, milliseconds ± half their range"
    yield _of_ways(report, title, lambda k, way: _milliseconds(report.whole[k][way], 0))
    title = "The same, times as fast as the original"
    yield _of_ways(report, title, lambda k, way: _times(report.speedup(k, way), 1))
    for precision, breakdown in report.breakdowns.items():
        yield _of_stages(breakdown, precision)
    yield _of_operations(report.breakdowns["float32"])
    yield _of_training(report)
    rest = Table(title="Altogether", show_header=False)
    for row in _rest(report):
        rest.add_row(*row)
    yield rest


def _of_ways(report: Report, title: str, cell: Callable[[int, str], str]) -> Table:
    table = _by_count(title, "way", list(report.whole))
    for way in ways_of(report.whole):
        table.add_row(OTHERS.get(way, f"ours, {way}"), *(cell(k, way) for k in report.whole))
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
    took = _milliseconds(stage.timing, 1)
    share = 100 * breakdown.share(count, name).median
    return f"{took} ({share:.0f} %)" if stage.operations else took


def _milliseconds(timing: Timing, digits: int) -> str:
    return f"{1e3 * timing.median:.{digits}f}{timing.about}"


def _times(ratio: Timing, digits: int) -> str:
    return f"{ratio.median:.{digits}f}{ratio.about}"


def _percent(share: Timing) -> str:
    return f"{100 * share.median:.0f} %{share.about}"


def _of_operations(breakdown: Breakdown) -> Table:
    table = _by_count("Stages: GFLOP", "stage", list(breakdown.stages))
    for name in STAGES:
        found = [of.get(name) for of in breakdown.stages.values()]
        table.add_row(name, *(f"{one.operations / 1e9:.2f}" if one else "" for one in found))
    return table


def _of_training(report: Report) -> Table:
    table = Table(title=f"Training steps of {IMAGES} images, images a second")
    table.add_column("step", no_wrap=True)
    ours = f"ours, {report.about['training_precision']}"
    for column in ("plain loop, float32", ours, "times as fast"):
        table.add_column(column, justify="right")
    stages = (
        ("stage 2, masks", report.training, report.training_speedup()),
        ("stage 1, tags, features kept", report.tag_training, report.tag_speedup()),
    )
    for name, steps, ratio in stages:
        rates = [f"{images_per_second(steps[of]):.2f}{steps[of].about}" for of in ("plain", "own")]
        table.add_row(name, *rates, _times(ratio, 2))
    return table


def _by_count(title: str, first: str, counts: Sequence[int]) -> Table:
    table = Table(title=title)
    table.add_column(first, no_wrap=True)
    for count in counts:
        table.add_column(f"K = {count}", justify="right")
    return table


def _rest(report: Report) -> Iterator[tuple[str, str]]:
    if report.about["device"] != "cpu":
        yield "left out, being the CPU's", "exported programs, int8, memory of the process"
    yield "precisions within the bounds of accuracy", ", ".join(report.within_bounds)
    for count in (1, 3):
        times = _times(report.speedup(count, report.mode), 1)
        yield f"K = {count} in the fastest, {report.mode}, times as fast as the original", times
    yield from _limits(report)
    in_memory = _percent(report.predict_over_stages())
    yield "predicting images in memory, of the time to predict their folder", in_memory
    for name, peak in report.memory.items():
        most = (
            f"{peak.image / 1e9:.2f} GB; {IMAGES_AT_ONCE} images at once {peak.batch / 1e9:.2f} GB"
        )
        yield f"peak memory at K = 5, once loaded, {name}", most
    yield from _growth(report)


def _limits(report: Report) -> Iterator[tuple[str, str]]:
    for name, of in report.breakdowns.items():
        yield f"convolution ceiling, {name}", f"{of.ceiling / 1e9:.0f} GFLOP/s"
    share = _percent(report.share_of_ceiling(3))
    yield "encoder and decoder at K = 3 in float32, of the ceiling", share
    yield "largest difference of the ways in float64", f"{report.difference:.1g} of 1"


def _growth(report: Report) -> Iterator[tuple[str, str]]:
    classes = report.growth.classes
    few, many = min(classes), max(classes)
    times = classes[many].median / classes[few].median
    yield f"{many} classes known in place of {few}", f"{times:.2f} times as long"
    for side, timing in report.growth.sides.items():
        yield f"one class at {side} pixels, milliseconds", _milliseconds(timing, 0)
    if report.resident:
        grown = (max(report.resident) - report.resident[0]) / 1e6
        yield "most memory after a tenth of a folder, against that", f"{grown:+.0f} MB"
