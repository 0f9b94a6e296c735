from pathlib import Path

import pytest
import torch

from decouplednet.benchmark import exported
from decouplednet.benchmark.exported import ONNX_RUNTIME, OPENVINO, programs
from decouplednet.benchmark.original import own_maps, passes_of
from decouplednet.errors import ModelError
from tests.benchmark.conftest import small_subject


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "side"), [("tiny", 64), ("tiny-skip", 96)])
def test_programs_compute_the_same_maps(preset: str, side: int, tmp_path: Path) -> None:
    subject = small_subject(preset, side)

    found = programs(subject, tmp_path)

    assert list(found) == [ONNX_RUNTIME, OPENVINO]
    for compute in found.values():
        assert compute(passes_of(0, 6)) is None
        for count, passes in ((1, 1), (3, 4)):
            asked = passes_of(count, 6)
            got = compute(asked)
            assert got is not None
            assert got.shape == (passes, side, side)
            expected = own_maps(subject.network, subject.image, asked)[:passes, 1]
            torch.testing.assert_close(torch.from_numpy(got), expected, rtol=0, atol=1e-3)


def test_programs_that_are_not_installed_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(made_for: str) -> None:
        raise ModelError(f"--to {made_for} needs a package")

    monkeypatch.setattr(exported, "check_packages", missing)

    assert programs(small_subject(), tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
