import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from decouplednet.benchmark import run as running
from decouplednet.benchmark.run import Wanted, benchmark, precisions_on
from decouplednet.benchmark.timing import Timing, Work
from decouplednet.errors import DeviceError, SettingsError, UsageError
from decouplednet.inference import devices
from tests.benchmark.conftest import small_subject
from tests.machine import needs_bytes


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"classes": 4}, "--classes 4: expected 5 to 254"),
        ({"repetitions": 0}, "--repetitions 0: expected at least 1"),
        ({"images": 9}, "--images 9: expected at least 10, or 0 for none"),
    ],
)
def test_numbers_out_of_range_are_refused(given: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError) as fault:
        Wanted(preset="tiny", **given)  # type: ignore[arg-type]

    assert str(fault.value) == message


def test_a_side_that_the_preset_cannot_take_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^preset vgg16: height 96 must be a multiple of 32"):
        Wanted(preset="vgg16", side=96)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(DeviceError, match=r"^device cuda: torch .* finds no GPU on this machine"):
        Wanted(preset="tiny", device="cuda")


@pytest.mark.parametrize(("device", "expected"), [("auto", "cuda"), ("cpu", "cpu")])
def test_a_gpu_is_taken_unless_the_cpu_is_asked_for(
    device: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    assert Wanted(preset="tiny", device=device).place == torch.device(expected)


@pytest.mark.parametrize(("device", "expected"), [("cuda", ["wait"]), ("cpu", [])])
def test_every_turn_waits_for_a_gpu(
    device: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: waits.append("wait"))
    wanted = Wanted(preset="tiny", repetitions=2, device=device)

    running._in_turns({"work": lambda: None}, wanted, "work")

    assert waits == 3 * expected


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_what_is_the_cpu_s_is_left_out_on_a_gpu(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(running, "is_measurable", lambda: True)
    monkeypatch.setattr(running, "programs", lambda *_: {"onnxruntime": "a program"})
    monkeypatch.setattr(running, "peak_memory", lambda _, count: count)
    monkeypatch.setattr(running, "memory_of_folder", lambda images: [images])
    subject, wanted = small_subject(), Wanted(preset="tiny", images=10, device=device)

    found: tuple[object, ...] = (
        running._programs(subject, tmp_path, wanted),
        running._memory({"float32": subject}, wanted),
        running._resident(wanted),
    )

    there = {
        "cpu": ({"onnxruntime": "a program"}, {"float32": 5}, [10]),
        "cuda": ({}, {}, ()),
    }
    assert found == there[device]


def test_no_images_are_no_folder() -> None:
    assert running._resident(Wanted(preset="tiny", images=0, device="cpu")) == ()


def test_the_side_is_the_preset_s_unless_given() -> None:
    assert Wanted(preset="tiny").pixels == 96
    assert Wanted(preset="tiny", side=64).pixels == 64


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("int8", [False, True])
def test_every_precision_of_the_processor_is_timed(
    bf16: bool, int8: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "bf16_in", lambda: bf16)
    monkeypatch.setattr(devices, "int8_in", lambda: int8)

    found = precisions_on(torch.device("cpu"))

    assert found == [None, *[torch.bfloat16] * bf16, *[torch.int8] * int8]


@pytest.mark.slow
def test_a_small_preset_is_measured_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "IDENTIFIED", (0, 1, 2, 3))

    found = benchmark(Wanted(preset="tiny", side=64, classes=5, repetitions=1, images=10))

    figures = json.loads(json.dumps(found.to_json()))
    assert figures["largest_difference"] < 1e-5
    assert figures["stages"]["k3"]["decoder"]["gflop"] == pytest.approx(
        4 * figures["stages"]["k1"]["decoder"]["gflop"]
    )
    assert set(figures["whole"]) == {"k0", "k1", "k2", "k3"}
    assert 0 < figures["share_of_convolution_ceiling"] < 1
    assert set(figures["stages_in_mode"]) >= {"k1", "k3"}
    assert set(figures["within_accuracy_bounds"]) <= {"float32", "bf16"}
    assert figures["threads"] >= 1


def each_takes_a_second(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record what takes turns, and let each take a second."""
    turns: list[list[str]] = []

    def noted(work: dict[str, Work], repetitions: int, **_: object) -> dict[str, Timing]:
        for once in work.values():
            once()
        turns.append(list(work))
        return {name: Timing((1.0,) * repetitions) for name in work}

    monkeypatch.setattr(running, "in_turns", noted)
    return turns


def test_the_ceiling_takes_turns_with_the_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = each_takes_a_second(monkeypatch)

    found = running._breakdown(small_subject(), (0, 1), Wanted(preset="tiny", repetitions=2))

    assert len(turns) == 2
    for names in turns:
        assert {"encoder", "3x3 64 at 160", "3x3 512 at 20"} < set(names)
    assert list(found.stages) == list(found.convolutions) == [0, 1]
    assert next(iter(found.convolutions[1])) == "3x3 64 at 160"
    assert "decoder" in found.stages[1]


@pytest.mark.parametrize("precision", [torch.bfloat16, pytest.param(torch.int8, marks=needs_bytes)])
def test_stages_in_another_precision_have_the_operations_of_float32(
    precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    each_takes_a_second(monkeypatch)
    exact, wanted = small_subject("tiny-skip", 96), Wanted(preset="tiny-skip", repetitions=1)
    like = running._breakdown(exact, (1,), wanted)

    rough = replace(exact, precision=precision)
    found = running._breakdown(rough, (1,), wanted, like)

    assert found == like
    assert found.stages[1]["encoder"].operations > 0
