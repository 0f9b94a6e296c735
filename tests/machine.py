"""What tests need of the machine that they run on."""

from pathlib import Path

import pytest

from decouplednet.inference.devices import int8_in

needs_bytes = pytest.mark.skipif(
    not int8_in(Path("/proc/cpuinfo")), reason="this processor does not multiply bytes"
)
