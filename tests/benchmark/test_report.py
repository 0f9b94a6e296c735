import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from decouplednet.benchmark.breakdown import Breakdown, Stage
from decouplednet.benchmark.growth import Growth, linear_fit
from decouplednet.benchmark.peak import Peak
from decouplednet.benchmark.report import Report
from decouplednet.benchmark.tables import tables
from decouplednet.benchmark.timing import Timing

K = ("k0", "k1", "k2", "k3", "k5")


def ways(count: int) -> dict[str, Timing]:
    """Return what K classes take: the original about 2 + K seconds."""
    whole = float(2 + count)
    return {
        "original": Timing((0.75 * whole, 1.25 * whole)),
        "settled": Timing((whole / 2, whole / 2)),
        "float32": Timing((whole / 4, whole / 4)),
        "int8": Timing((whole / 8, whole / 8)),
        "bf16": Timing((whole / 5, whole / 5)),
        "onnxruntime": Timing((whole / 10, whole / 10)),
    }


def breakdowns() -> dict[str, Breakdown]:
    """Return stages of float32 at K = 0 and 3 beside 80 GFLOP/s, and of bf16 beside 160."""
    stages = {
        "read": Stage(Timing((0.5, 0.5)), 0.0),
        "encoder": Stage(Timing((1.0, 1.0)), 60e9),
        "decoder": Stage(Timing((3.0, 3.0)), 100e9),
    }
    exact = Breakdown(
        {0: {"encoder": stages["encoder"]}, 3: stages},
        {k: {"3x3": Stage(Timing((0.1, 0.1)), 8e9)} for k in (0, 3)},
    )
    rough = Breakdown(
        {3: {"encoder": Stage(Timing((0.5, 0.7)), 60e9)}},
        {3: {"3x3": Stage(Timing((0.05, 0.05)), 8e9)}},
    )
    return {"float32": exact, "bf16": rough}


def report(*, measurable: bool = True) -> Report:
    """Return a report of round numbers."""
    memory = {
        "float32": Peak(1_500_000_000, 2_500_000_000),
        "bf16": Peak(1_400_000_000, 1_900_000_000),
    }
    return Report(
        about={"preset": "vgg16", "side": 320, "device": "cpu", "training_precision": "bf16"},
        breakdowns=breakdowns(),
        whole={k: ways(k) for k in (0, 1, 2, 3, 5)},
        within_bounds=("float32", "bf16"),
        difference=2e-7,
        folder={"computing": Timing((9.0, 9.0)), "folder": Timing((10.0, 10.0))},
        training={"plain": Timing((4.0, 6.0)), "own": Timing((2.0, 2.0))},
        tag_training={"plain": Timing((8.0, 6.0)), "own": Timing((1.0, 2.0))},
        memory=memory if measurable else {},
        growth=Growth(
            classes={20: Timing((1.0,)), 2000: Timing((1.04,))},
            sides={160: Timing((0.3,)), 320: Timing((1.0,))},
        ),
        resident=(300_000_000, 301_000_000) if measurable else (),
    )


def written() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(report().to_json()))
    return found


def test_the_json_says_what_was_measured() -> None:
    found = written()

    assert (found["preset"], found["mode"], found["format_version"]) == ("vgg16", "bf16", 3)
    assert found["device"] == "cpu"
    assert found["growth"]["k"] == pytest.approx(
        {"image_seconds": 0.5, "pass_seconds": 0.25, "largest_miss": 0.0}, abs=1e-9
    )
    assert found["growth"]["resident_gb_by_tenth"] == [0.3, 0.301]
    assert found["predict_over_stages"] == pytest.approx(0.9)
    assert (found["peak_memory_gb"], found["peak_memory_of_a_batch_gb"]) == (1.5, 2.5)
    assert found["peak_memory_gb_by_precision"] == {"float32": 1.5, "bf16": 1.4}
    assert found["peak_memory_of_a_batch_gb_by_precision"] == {"float32": 2.5, "bf16": 1.9}


def test_the_headline_is_the_fastest_precision_within_the_bounds() -> None:
    found = written()["speedup_over_original"]

    assert (found["k1"], found["k3"]) == (pytest.approx(5), pytest.approx(5))
    assert found["by_way"]["int8"] == dict.fromkeys(K, 8)
    assert found["by_way"]["float32"]["k5"] == 4
    assert found["by_way"]["bf16"]["k1"] == pytest.approx(5)
    assert found["by_way"]["onnxruntime"]["k2"] == pytest.approx(10)
    assert written()["within_accuracy_bounds"] == ["float32", "bf16"]


def test_training_is_written_as_ratios_and_as_images_a_second() -> None:
    found = written()

    assert found["training_speedup"] == pytest.approx(2.5)
    assert found["training_speedup_from_kept_features"] == pytest.approx(5.5)
    assert found["tag_training"]["plain"]["each"] == [8.0, 6.0]
    rates = {
        (stage, loop): found[stage][loop]["images_per_second"]
        for stage in ("training", "tag_training")
        for loop in ("plain", "own")
    }
    assert rates == {
        ("training", "plain"): pytest.approx(4 / 5),
        ("training", "own"): pytest.approx(4 / 2),
        ("tag_training", "plain"): pytest.approx(4 / 7),
        ("tag_training", "own"): pytest.approx(4 / 1.5),
    }


def test_stages_stand_against_the_ceiling_of_their_precision() -> None:
    found = written()

    assert found["share_of_convolution_ceiling"] == pytest.approx(160 / 4 / 80)
    assert found["stages"]["k3"]["encoder"] == {
        "seconds": 1.0,
        "spread": 0.0,
        "each": [1.0, 1.0],
        "gflop": 60.0,
        "share_of_ceiling": 0.75,
        "spread_of_share": 0.0,
    }
    assert list(found["stages_in_mode"]) == ["k3"]
    assert found["stages_in_mode"]["k3"]["encoder"] == {
        "seconds": pytest.approx(0.6),
        "spread": pytest.approx(1 / 3),
        "each": [0.5, 0.7],
        "gflop": 60.0,
        "share_of_ceiling": pytest.approx((0.75 + 0.75 / 1.4) / 2),
        "spread_of_share": pytest.approx((1 - 1 / 1.4) * 2 / (1 + 1 / 1.4)),
    }
    assert found["convolution_ceiling_gflops"] == pytest.approx({"float32": 80, "bf16": 160})


def test_every_ratio_has_its_spread() -> None:
    found = report().to_json()
    spread = found["spread_of_ratios"]

    assert spread["speedup_over_original"]["k3"] == pytest.approx(0.5)
    assert spread["speedup_over_original"]["by_way"]["original"]["k1"] == 0
    assert spread["speedup_over_original"]["by_way"]["int8"] == dict.fromkeys(K, 0.5)
    assert spread["training_speedup"] == pytest.approx(1 / 2.5)
    assert spread["training_speedup_from_kept_features"] == pytest.approx(5 / 5.5)
    assert spread["predict_over_stages"] == spread["share_of_convolution_ceiling"] == 0
    assert spread.keys() <= found.keys()
    assert spread["speedup_over_original"].keys() == found["speedup_over_original"].keys()


def test_memory_that_cannot_be_measured_is_null() -> None:
    found = report(measurable=False).to_json()

    assert found["peak_memory_gb"] is found["peak_memory_of_a_batch_gb"] is None
    assert found["growth"]["resident_gb_by_tenth"] == []


def printed(of: Report) -> str:
    console = Console(file=io.StringIO(), width=120)
    for table in tables(of):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_tables_say_the_same() -> None:
    text = printed(report())

    assert "One image of 320 pixels, milliseconds ± half their range" in text
    assert "The same, times as fast as the original" in text
    for line in (
        ("original ", "3000 ± 25 %", "7000 ± 25 %"),
        ("ours, int8", "250 ± 0 %", "875 ± 0 %"),
        ("ours, int8", "8.0 ± 25 %"),
        ("ours, bf16", "5.0 ± 25 %"),
        ("precisions within the bounds of accuracy", "float32, bf16"),
        ("K = 3 in the fastest, bf16, times as fast as the original", "5.0 ± 25 %"),
        ("ours, float32 in ONNX Runtime", "500 ± 0 %"),
        ("original, tuned", "2.0 ± 25 %"),
        ("encoder", "1000.0 ± 0 % (75 %)"),
        ("encoder", "600.0 ± 17 % (64 %)"),
        ("decoder", "100.00"),
        ("convolution ceiling, bf16", "160 GFLOP/s"),
        ("encoder and decoder at K = 3 in float32, of the ceiling", "50 % ± 0 %"),
        ("predicting images in memory, of the time to predict their folder", "90 % ± 0 %"),
        ("Training steps of 4 images, images a second",),
        ("plain loop, float32", "ours, bf16", "times as fast"),
        ("stage 2, masks", "0.80 ± 20 %", "2.00 ± 0 %", "2.50 ± 20 %"),
        ("stage 1, tags, features kept", "0.57 ± 14 %", "2.67 ± 33 %", "5.50 ± 45 %"),
        ("one class at 160 pixels, milliseconds", "300"),
        ("peak memory at K = 5, once loaded, bf16", "1.40 GB; 8 images at once 1.90 GB"),
        ("2000 classes known in place of 20", "1.04 times as long"),
        ("most memory after a tenth of a folder, against that", "+1 MB"),
    ):
        assert any(all(part in row for part in line) for row in text.splitlines()), line


def test_a_table_of_a_gpu_says_what_is_left_out() -> None:
    of = report(measurable=False)
    there = replace(of, about={**of.about, "device": "cuda"})

    assert "exported programs, int8, memory of the process" in printed(there)
    assert "left out" not in printed(of)


def test_what_was_not_measured_is_not_printed() -> None:
    text = printed(report(measurable=False))

    assert "peak memory" not in text
    assert "most memory" not in text


def test_a_line_misses_what_does_not_lie_on_it() -> None:
    first, slope, miss = linear_fit({2: 2.0, 3: 3.0, 5: 6.0})

    assert (first, slope) == pytest.approx((-0.857142857, 1.357142857))
    assert miss == pytest.approx(0.071428571)
