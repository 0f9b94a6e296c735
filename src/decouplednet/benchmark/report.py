"""What a benchmark found, as JSON values and as tables."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from decouplednet.benchmark.exported import ONNX_RUNTIME, OPENVINO
from decouplednet.benchmark.growth import Growth, linear_fit
from decouplednet.benchmark.stages import STAGES
from decouplednet.benchmark.timing import Timing, ratios, total

FORMAT_VERSION = 2
_OTHERS = {
    "original": "original",
    "settled": "original, tuned",
    ONNX_RUNTIME: "ours, float32 in ONNX Runtime",
    OPENVINO: "ours, float32 in OpenVINO",
}

Whole = Mapping[int, Mapping[str, Timing]]


def precisions(whole: Whole) -> tuple[str, ...]:
    """Return the precisions in which torch computes ours, of the ways to compute whole images."""
    return tuple(way for way in _ways(whole) if way not in _OTHERS)


def _ways(whole: Whole) -> tuple[str, ...]:
    return tuple(next(iter(whole.values())))


def fastest(whole: Whole) -> str:
    """Return the precision of ours that took least for the images of all K together."""
    return min(precisions(whole), key=lambda way: sum(ways[way].median for ways in whole.values()))


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage took.

    Args:
        timing: of it.
        operations: its FLOP, a multiply-add counted as two.
    """

    timing: Timing
    operations: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was measured in one run.

    Args:
        about: preset, side, classes, repetitions and machine, as JSON values.
        ceilings: FLOP/s of the fastest convolution, by precision.
        stages: by K and name, in float32.
        whole: seconds of an image by K and way: ``original``, ``settled`` (the same with every
            simple setting right), each precision of ours, ``float32`` first, and the exported
            programs whose packages are installed.
        difference: largest, of softmax values, between the ways in float64.
        folder: seconds of predicting a folder, and of its computing alone.
        training: seconds of a step of stage 2, plain and own.
        tag_training: likewise of stage 1; the own one has the features of the convolutions kept.
        memory: bytes at most, by precision; empty where that cannot be measured.
        growth: with classes and side.
        resident: bytes after each tenth of a folder; empty where that was not measured.
    """

    about: Mapping[str, Any]
    ceilings: Mapping[str, float]
    stages: Mapping[int, Mapping[str, Stage]]
    whole: Whole
    difference: float
    folder: Mapping[str, Timing]
    training: Mapping[str, Timing]
    tag_training: Mapping[str, Timing]
    memory: Mapping[str, int]
    growth: Growth
    resident: tuple[int, ...]

    def speedup(self, count: int, way: str) -> Timing:
        """Return how many times as fast as the original's procedure a way is, for K classes."""
        of = self.whole[count]
        return ratios(of["original"], of[way])

    @property
    def mode(self) -> str:
        """The fastest precision of ours."""
        return fastest(self.whole)

    def _speedups(self, way: str) -> dict[str, float]:
        return {f"k{k}": self.speedup(k, way).median for k in self.whole}

    def share_of_ceiling(self, count: int) -> float:
        """Return which share of the ceiling encoder and decoder together reach in float32."""
        stages = [self.stages[count][name] for name in ("encoder", "decoder")]
        seconds = total([stage.timing for stage in stages]).median
        return sum(stage.operations for stage in stages) / seconds / self.ceilings["float32"]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; seconds, and shares in [0, 1]."""
        return {
            "format_version": FORMAT_VERSION,
            **self.about,
            "mode": self.mode,
            "speedup_over_original": {
                **self._speedups(self.mode),
                "by_way": {way: self._speedups(way) for way in _ways(self.whole)},
            },
            "share_of_convolution_ceiling": self.share_of_ceiling(3),
            "predict_over_stages": self._predict_over_stages().median,
            "training_speedup": self._training_speedup().median,
            "training_speedup_from_kept_features": self._tag_speedup().median,
            "peak_memory_gb": _gigabytes(self.memory.get("float32")),
            "peak_memory_gb_by_precision": {
                name: _gigabytes(size) for name, size in self.memory.items()
            },
            "largest_difference": self.difference,
            "convolution_ceiling_gflops": {k: v / 1e9 for k, v in self.ceilings.items()},
            "stages": {
                f"k{k}": {name: self._stage(stage) for name, stage in stages.items()}
                for k, stages in self.stages.items()
            },
            "whole": {
                f"k{k}": {way: _seconds(timing) for way, timing in ways.items()}
                for k, ways in self.whole.items()
            },
            "folder": {name: _seconds(timing) for name, timing in self.folder.items()},
            "training": {name: _seconds(timing) for name, timing in self.training.items()},
            "tag_training": {name: _seconds(timing) for name, timing in self.tag_training.items()},
            "growth": self._growth(),
        }

    def _stage(self, stage: Stage) -> dict[str, Any]:
        share = stage.operations / stage.timing.median / self.ceilings["float32"]
        return {
            **_seconds(stage.timing),
            "gflop": stage.operations / 1e9,
            "share_of_ceiling": share,
        }

    def _predict_over_stages(self) -> Timing:
        return ratios(self.folder["computing"], self.folder["folder"])

    def _training_speedup(self) -> Timing:
        return ratios(self.training["plain"], self.training["own"])

    def _tag_speedup(self) -> Timing:
        return ratios(self.tag_training["plain"], self.tag_training["own"])

    def _growth(self) -> dict[str, Any]:
        several = {k: ways["float32"].median for k, ways in self.whole.items() if k > 1}
        first, slope, miss = linear_fit(several)
        return {
            "k": {"image_seconds": first, "pass_seconds": slope, "largest_miss": miss},
            "classes": {str(n): _seconds(timing) for n, timing in self.growth.classes.items()},
            "sides": {str(n): _seconds(timing) for n, timing in self.growth.sides.items()},
            "resident_gb_by_tenth": [_gigabytes(size) for size in self.resident],
        }

    def tables(self) -> Iterator[Table]:
        """Yield the tables that are printed."""
        yield self._table_of_ways()
        yield self._table_of_stages()
        yield self._table_of_operations()
        yield self._table_of_the_rest()

    def _table_of_ways(self) -> Table:
        table = Table(title=f"One image of {self.about['side']} pixels, milliseconds")
        counts = list(self.whole)
        table.add_column("way", no_wrap=True)
        for count in counts:
            table.add_column(f"K = {count}", justify="right")
        for way in _ways(self.whole):
            cells = [
                f"{1e3 * self.whole[k][way].median:.0f} ({self.speedup(k, way).median:.1f} x)"
                for k in counts
            ]
            table.add_row(_OTHERS.get(way, f"ours, {way}"), *cells)
        return table

    def _table_of_stages(self) -> Table:
        return self._by_stage("Stages in float32: milliseconds (share of the ceiling)", self._time)

    def _table_of_operations(self) -> Table:
        return self._by_stage("Stages: GFLOP", lambda stage: f"{stage.operations / 1e9:.2f}")

    def _by_stage(self, title: str, cell: Callable[[Stage], str]) -> Table:
        table = Table(title=title)
        table.add_column("stage", no_wrap=True)
        for count in self.stages:
            table.add_column(f"K = {count}", justify="right")
        for name in STAGES:
            found = [stages.get(name) for stages in self.stages.values()]
            table.add_row(name, *(cell(stage) if stage else "" for stage in found))
        return table

    def _time(self, stage: Stage) -> str:
        took = f"{1e3 * stage.timing.median:.1f}"
        share = 100 * self._stage(stage)["share_of_ceiling"]
        return f"{took} ({share:.0f} %)" if stage.operations else took

    def _table_of_the_rest(self) -> Table:
        table = Table(title="Altogether", show_header=False)
        for name, value in self._rest():
            table.add_row(name, value)
        return table

    def _rest(self) -> Iterator[tuple[str, str]]:
        for name, ceiling in self.ceilings.items():
            yield f"convolution ceiling, {name}", f"{ceiling / 1e9:.0f} GFLOP/s"
        share = 100 * self.share_of_ceiling(3)
        yield "encoder and decoder at K = 3", f"{share:.0f} % of the ceiling"
        yield "largest difference of the ways in float64", f"{self.difference:.1g} of 1"
        computing = 100 * self._predict_over_stages().median
        yield "predicting a folder", f"{computing:.0f} % of its time is computing"
        step = self._training_speedup().median
        yield "training step, stage 2", f"{step:.2f} times as fast as a plain float32 loop"
        step = self._tag_speedup().median
        yield "the same of stage 1, features kept", f"{step:.2f} times"
        for name, size in self.memory.items():
            yield f"peak memory at K = 5, once loaded, {name}", f"{size / 1e9:.2f} GB"
        classes = self.growth.classes
        few, many = min(classes), max(classes)
        times = classes[many].median / classes[few].median
        yield f"{many} classes known in place of {few}", f"{times:.2f} times as long"
        for side, timing in self.growth.sides.items():
            yield f"one class at {side} pixels", f"{1e3 * timing.median:.0f} ms"
        if self.resident:
            grown = (max(self.resident) - self.resident[0]) / 1e6
            yield "most memory after a tenth of a folder, against that", f"{grown:+.0f} MB"


def _seconds(timing: Timing) -> dict[str, Any]:
    return {"seconds": timing.median, "spread": timing.spread, "each": [*timing.seconds]}


def _gigabytes(size: int | None) -> float | None:
    return None if size is None else size / 1e9
