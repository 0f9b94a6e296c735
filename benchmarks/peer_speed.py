"""How long peers take for an image, in turns with this project, in the same process.

Needs the environment of ``benchmarks.segmentation_models``. In the project's folder::

    environment/bin/python -m benchmarks.peer_speed --preset vgg16 --out FILE.json

Weights are random. A peer scores all classes in one pass; this project makes one pass for each
class that it identifies, and one for all together. How many times as long it takes as a peer is the
median of the ratios of the same turn.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.peer_packages import load_peer_packages
from decouplednet.errors import UserError

if TYPE_CHECKING:
    import torch

    from benchmarks.peers import Build
    from decouplednet.benchmark.run import Wanted
    from decouplednet.benchmark.subject import Subject
    from decouplednet.benchmark.timing import Timing, Work

FORMAT_VERSION = 2
"""Since 2 the file holds ``ours_over_peer``."""

IDENTIFIED = (1, 3)
"""K, of the images of this project."""

DONE, FAILED = 0, 1


def parser() -> ArgumentParser:
    """Return what reads the command line."""
    made = ArgumentParser(
        prog="python -m benchmarks.peer_speed",
        description="Time U-Net and DeepLabV3+ of segmentation-models-pytorch beside a preset.",
    )
    made.add_argument("--preset", default="vgg16", help="default: %(default)s")
    made.add_argument("--side", type=int, help="of the frame in pixels; default: the preset's")
    made.add_argument("--classes", type=int, default=20, help="default: %(default)s")
    made.add_argument("--repetitions", type=int, default=5, help="default: %(default)s")
    made.add_argument("--out", type=Path, help="JSON file for the seconds of every turn")
    made.add_argument("--quiet", action="store_true", help="show no bar and no table")
    return made


def run(
    arguments: Sequence[str] | None = None,
    load: Callable[[], object] = load_peer_packages,
    builds: "Mapping[str, Build] | None" = None,
) -> int:
    """Time everything and return the exit status: 0 done, 1 a fault.

    Args:
        arguments: words of the command line; None: those this process was started with.
        load: makes the peers' packages importable.
        builds: the peers by name; None: those of ``benchmarks.peers``.
    """
    given = parser().parse_args(arguments)
    try:
        load()
        from benchmarks.peers import BUILDS
        from decouplednet.annotations.files import write_atomically
        from decouplednet.benchmark.run import Wanted

        wanted = Wanted(
            preset=given.preset,
            side=given.side,
            classes=given.classes,
            repetitions=given.repetitions,
            device="cpu",
            quiet=given.quiet,
        )
        found = measure(wanted, builds or BUILDS)
        compared = over_peers(wanted, builds or BUILDS, found)
        if given.out:
            content = to_json(wanted, found, compared)
            write_atomically(given.out, json.dumps(content, indent=2).encode())
    except UserError as fault:
        sys.stderr.write(f"benchmarks: {' '.join(str(fault).split())}\n")
        return FAILED
    if not given.quiet:
        show(found, compared)
    return DONE


def measure(wanted: "Wanted", builds: "Mapping[str, Build]") -> "dict[str, Timing]":
    """Return the seconds of an image by each way: ours with K classes, and each peer.

    Args:
        wanted: preset, side, classes, repetitions and bars.
        builds: the peers by name.
    """
    import torch

    from decouplednet.benchmark.run import precisions_on
    from decouplednet.benchmark.subject import Subject
    from decouplednet.benchmark.timing import in_turns

    device = torch.device("cpu")
    exact = Subject(wanted.preset, wanted.classes, wanted.pixels, None, device)
    work: dict[str, Work] = {}
    for precision in precisions_on(device):
        subject = replace(exact, precision=precision)
        for count in IDENTIFIED:
            work[_own_way(wanted.preset, precision, count)] = _own(subject, count)
        if precision is not torch.int8:  # ours alone computes in 8 bits
            for name, build in builds.items():
                work[_peer_way(name, precision)] = _peer(build, subject)
    return in_turns(work, wanted.repetitions, quiet=wanted.quiet, title="whole images")


def over_peers(
    wanted: "Wanted", builds: "Mapping[str, Build]", found: "Mapping[str, Timing]"
) -> "dict[str, dict[str, Timing]]":
    """Return how many times as long ours takes as each peer, turn by turn.

    Both are in the same precision; ours in 8 bits is compared with peers in the precision that
    ours has beside its bytes.

    Args:
        wanted: as for ``measure``.
        builds: likewise.
        found: as from it.

    Returns:
        By the way of the peer, and by ours.
    """
    import torch

    from decouplednet.benchmark.run import precisions_on
    from decouplednet.benchmark.timing import ratios
    from decouplednet.networks.precision import beside_bytes

    compared: dict[str, dict[str, Timing]] = {}
    for name in builds:
        for precision in precisions_on(torch.device("cpu")):
            peer = _peer_way(name, beside_bytes(precision))
            for count in IDENTIFIED:
                own = _own_way(wanted.preset, precision, count)
                compared.setdefault(peer, {})[own] = ratios(found[own], found[peer])
    return compared


def _own_way(preset: str, precision: "torch.dtype | None", count: int) -> str:
    from decouplednet.inference.devices import precision_word

    return f"{preset}, {precision_word(precision)}, K = {count}"


def _peer_way(name: str, precision: "torch.dtype | None") -> str:
    from decouplednet.inference.devices import precision_word

    return f"{name}, {precision_word(precision)}"


def _own(subject: "Subject", count: int) -> "Work":
    from decouplednet.benchmark.original import own_maps, passes_of

    asked = passes_of(count, subject.classes)
    return lambda: own_maps(subject.network, subject.image, asked, subject.precision)


def _peer(build: "Build", subject: "Subject") -> "Work":
    import torch

    from decouplednet.networks.precision import mixed_precision

    torch.manual_seed(subject.seed)
    network = build(subject.classes).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent in stubs
    image = subject.image.to(memory_format=torch.channels_last)

    def compute() -> "torch.Tensor":
        with torch.inference_mode(), mixed_precision(subject.device, subject.precision):
            maps: torch.Tensor = network(image).softmax(dim=1)
        return maps

    return compute


def to_json(
    wanted: "Wanted",
    found: "Mapping[str, Timing]",
    compared: "Mapping[str, Mapping[str, Timing]]",
) -> dict[str, Any]:
    """Return everything as JSON values; seconds, and ratios of them.

    Args:
        wanted: as for ``measure``.
        found: as from it.
        compared: as from ``over_peers``.
    """
    import torch

    return {
        "format_version": FORMAT_VERSION,
        "preset": wanted.preset,
        "side": wanted.pixels,
        "classes": wanted.classes,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "whole": {
            way: {"seconds": timing.median, "spread": timing.spread, "each": [*timing.seconds]}
            for way, timing in found.items()
        },
        "ours_over_peer": {
            peer: {
                own: {"ratio": ratio.median, "spread": ratio.spread} for own, ratio in ours.items()
            }
            for peer, ours in compared.items()
        },
    }


def show(found: "Mapping[str, Timing]", compared: "Mapping[str, Mapping[str, Timing]]") -> None:
    """Print the tables.

    Args:
        found: as from ``measure``.
        compared: as from ``over_peers``.
    """
    from rich.console import Console
    from rich.table import Table

    console, table = Console(), Table(title="One image, milliseconds ± half their range")
    table.add_column("way")
    table.add_column("median", justify="right")
    for way, timing in found.items():
        table.add_row(way, f"{1e3 * timing.median:.0f}{timing.about}")
    console.print(table)
    table = Table(title="How many times as long ours takes")
    table.add_column("ours")
    table.add_column("peer")
    table.add_column("ratio", justify="right")
    for peer, ours in compared.items():
        for own, ratio in ours.items():
            table.add_row(own, peer, f"{ratio.median:.2f}{ratio.about}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(run())
