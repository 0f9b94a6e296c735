import re
from pathlib import Path

import pytest
import torch

from decouplednet.benchmark import memory
from decouplednet.benchmark.memory import (
    forget_peak,
    in_own_process,
    is_measurable,
    peak,
    resident,
)

needs_linux = pytest.mark.skipif(not is_measurable(), reason="no /proc/self/clear_refs here")


def filled(megabytes: int) -> tuple[int, int, int]:
    """Return the peak above what was resident, after filling and again after forgetting it."""
    before = resident()
    forget_peak()
    block = torch.ones(megabytes * 250_000)
    first = peak() - before
    del block
    forget_peak()
    return first, peak() - before, torch.get_num_threads()


@needs_linux
@pytest.mark.slow
def test_a_process_of_its_own_says_what_it_took_and_forgets_it() -> None:
    first, later, threads = in_own_process(filled, 300)

    assert 290e6 < first < 330e6
    assert later < 100e6
    assert threads == torch.get_num_threads()


def test_a_status_without_the_figure_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmRSS:\t  1234 kB\n")
    monkeypatch.setattr(memory, "_STATUS", status)

    assert resident() == 1234 * 1024
    with pytest.raises(ValueError, match=rf"^{re.escape(str(status))}: holds no VmHWM$"):
        peak()
