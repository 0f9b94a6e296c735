"""What tests need of the machine that they run on."""

import pytest

from decouplednet.networks.processor import int8_in

needs_bytes = pytest.mark.skipif(not int8_in(), reason="this processor does not multiply bytes")
