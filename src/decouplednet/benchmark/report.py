"""What a benchmark found, as JSON values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from decouplednet.benchmark.breakdown import Breakdown
from decouplednet.benchmark.exported import ONNX_RUNTIME, OPENVINO
from decouplednet.benchmark.growth import Growth, linear_fit
from decouplednet.benchmark.peak import Peak
from decouplednet.benchmark.timing import Timing, ratios
from decouplednet.benchmark.training import IMAGES

FORMAT_VERSION = 3
"""Of the JSON file; what each version added stands in docs/reference/speed.md."""

OTHERS = {
    "original": "original",
    "settled": "original, tuned",
    ONNX_RUNTIME: "ours, float32 in ONNX Runtime",
    OPENVINO: "ours, float32 in OpenVINO",
}
"""Ways to compute an image that are no precision of ours in torch, and what people call them."""

Figure = Callable[[Timing], float]
Whole = Mapping[int, Mapping[str, Timing]]


def ways_of(whole: Whole) -> tuple[str, ...]:
    """Return the names of all ways to compute an image."""
    return tuple(next(iter(whole.values())))


def fastest(whole: Whole, ways: Sequence[str]) -> str:
    """Return which of some ways took least for the images of all K together.

    Args:
        whole: seconds of an image by K and way.
        ways: that are compared, at least one.
    """
    return min(ways, key=lambda way: sum(of[way].median for of in whole.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was measured in one run.

    Args:
        about: preset, side, classes, repetitions, device, machine and the precision of our training
            steps, as JSON values.
        breakdowns: stages and the ceiling, in float32 and, unless it is that, in the fastest
            precision within the bounds.
        whole: seconds of an image by K and way: ``original``, ``settled`` (the same with every
            simple setting right), each precision of ours, ``float32`` first, and the exported
            programs whose packages are installed.
        within_bounds: the precisions in which the preset is known to score well enough, float32
            among them.
        difference: largest, of softmax values, between the ways in float64.
        folder: seconds of predicting a folder, and of predicting its images in memory.
        training: seconds of a step of stage 2, plain and own.
        tag_training: likewise of stage 1; the own one has the features of the convolutions kept.
        memory: the most bytes, by precision; empty where that cannot be measured.
        growth: with classes and side.
        resident: bytes after each tenth of a folder; empty where that was not measured.
    """

    about: Mapping[str, Any]
    breakdowns: Mapping[str, Breakdown]
    whole: Whole
    within_bounds: tuple[str, ...]
    difference: float
    folder: Mapping[str, Timing]
    training: Mapping[str, Timing]
    tag_training: Mapping[str, Timing]
    memory: Mapping[str, Peak]
    growth: Growth
    resident: tuple[int, ...]

    def speedup(self, count: int, way: str) -> Timing:
        """Return how many times as fast as the original's procedure a way is, for K classes."""
        of = self.whole[count]
        return ratios(of["original"], of[way])

    @property
    def mode(self) -> str:
        """The fastest precision of ours within the bounds of accuracy."""
        return fastest(self.whole, self.within_bounds)

    def _speedups(self, figure: Figure) -> dict[str, Any]:
        by_way = {
            way: {f"k{k}": figure(self.speedup(k, way)) for k in self.whole}
            for way in ways_of(self.whole)
        }
        return {**by_way[self.mode], "by_way": by_way}

    def _ratios(self, figure: Figure) -> dict[str, Any]:
        """Return a figure of each ratio by its name."""
        return {
            "speedup_over_original": self._speedups(figure),
            "share_of_convolution_ceiling": figure(self.share_of_ceiling(3)),
            "predict_over_stages": figure(self.predict_over_stages()),
            "training_speedup": figure(self.training_speedup()),
            "training_speedup_from_kept_features": figure(self.tag_speedup()),
        }

    def share_of_ceiling(self, count: int) -> Timing:
        """Return which share of the ceiling encoder and decoder together reach in float32."""
        return self.breakdowns["float32"].share(count, "encoder", "decoder")

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; seconds, and shares in [0, 1].

        Where there is a figure there is its spread: the range of the turns, as a share of it.
        """
        return {
            "format_version": FORMAT_VERSION,
            **self.about,
            "mode": self.mode,
            "within_accuracy_bounds": [*self.within_bounds],
            **self._ratios(lambda ratio: ratio.median),
            "spread_of_ratios": self._ratios(lambda ratio: ratio.spread),
            **self._memory(),
            "largest_difference": self.difference,
            "convolution_ceiling_gflops": {
                name: of.ceiling / 1e9 for name, of in self.breakdowns.items()
            },
            "stages": _stages(self.breakdowns["float32"]),
            "stages_in_mode": _stages(self.breakdowns[self.mode]),
            "whole": {
                f"k{k}": {way: _seconds(timing) for way, timing in ways.items()}
                for k, ways in self.whole.items()
            },
            "folder": {name: _seconds(timing) for name, timing in self.folder.items()},
            "training": _steps(self.training),
            "tag_training": _steps(self.tag_training),
            "growth": self._growth(),
        }

    def predict_over_stages(self) -> Timing:
        """Return which share of the time to predict a folder its images take in memory.

        That is the computing, with framing and with bringing maps to the size of the photographs,
        in the same batches and precision; it is no sum of the stages of single images.
        """
        return ratios(self.folder["computing"], self.folder["folder"])

    def training_speedup(self) -> Timing:
        """Return how many times as fast as the plain one our step of stage 2 is."""
        return ratios(self.training["plain"], self.training["own"])

    def tag_speedup(self) -> Timing:
        """Return the same of stage 1, with the features of the convolutions kept."""
        return ratios(self.tag_training["plain"], self.tag_training["own"])

    def _memory(self) -> dict[str, Any]:
        exact = self.memory.get("float32")
        return {
            "peak_memory_gb": exact and exact.image / 1e9,
            "peak_memory_of_a_batch_gb": exact and exact.batch / 1e9,
            "peak_memory_gb_by_precision": {
                name: of.image / 1e9 for name, of in self.memory.items()
            },
            "peak_memory_of_a_batch_gb_by_precision": {
                name: of.batch / 1e9 for name, of in self.memory.items()
            },
        }

    def _growth(self) -> dict[str, Any]:
        several = {k: ways["float32"].median for k, ways in self.whole.items() if k > 1}
        first, slope, miss = linear_fit(several)
        return {
            "k": {"image_seconds": first, "pass_seconds": slope, "largest_miss": miss},
            "classes": {str(n): _seconds(timing) for n, timing in self.growth.classes.items()},
            "sides": {str(n): _seconds(timing) for n, timing in self.growth.sides.items()},
            "resident_gb_by_tenth": [size / 1e9 for size in self.resident],
        }


def _stages(of: Breakdown) -> dict[str, Any]:
    return {
        f"k{k}": {
            name: {
                **_seconds(stage.timing),
                "gflop": stage.operations / 1e9,
                "share_of_ceiling": of.share(k, name).median,
                "spread_of_share": of.share(k, name).spread,
            }
            for name, stage in stages.items()
        }
        for k, stages in of.stages.items()
    }


def _steps(timings: Mapping[str, Timing]) -> dict[str, Any]:
    return {
        name: {**_seconds(timing), "images_per_second": images_per_second(timing)}
        for name, timing in timings.items()
    }


def images_per_second(step: Timing) -> float:
    """Return how many images a training loop takes a second.

    Args:
        step: seconds of one of its steps.
    """
    return IMAGES / step.median


def _seconds(timing: Timing) -> dict[str, Any]:
    return {"seconds": timing.median, "spread": timing.spread, "each": [*timing.seconds]}
