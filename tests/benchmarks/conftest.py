"""In an environment that has torchvision, lightning imports only once torchvision does.

There the settings of pytest cannot name a warning of lightning's, so the library's own models are
tested by ``python -m pytest -o filterwarnings= tests/benchmarks``.
"""

from contextlib import suppress

from benchmarks.peer_packages import make_torchvision_importable

with suppress(ImportError):
    make_torchvision_importable()
