"""Train U-Net and DeepLabV3+ of segmentation-models-pytorch beside ``decouplednet compare``.

Needs an environment of its own, in which torchvision may be installed, made in the project's
folder by::

    python3 -m venv environment
    environment/bin/pip install -c constraints.txt -e . segmentation-models-pytorch

The comparison is begun by ``decouplednet compare DATA --out DIR ...``, which records the settings
that all methods have in common. Then, as often as needed, since cells that are done are left::

    environment/bin/python -m benchmarks.segmentation_models DATA --out DIR --masks 25 --seeds 0

and ``decouplednet compare DATA --out DIR --methods ""`` puts them into tables and pictures.
docs/how-to/compare-with-peers.md says what the peers are given.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peer_packages import load_peer_packages
from decouplednet.errors import UsageError, UserError

if TYPE_CHECKING:
    from decouplednet.comparison.method import Method

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def parser() -> ArgumentParser:
    """Return what reads the command line."""
    made = ArgumentParser(
        prog="python -m benchmarks.segmentation_models",
        description="Train U-Net and DeepLabV3+ of segmentation-models-pytorch on the terms of a "
        "comparison; cells that are done are not done again.",
    )
    made.add_argument("data", type=Path, help="the data set's folder")
    made.add_argument("--out", type=Path, required=True, help="the comparison's folder")
    made.add_argument(
        "--methods", type=_words, metavar="A,B", help="default: all; smp-unet, smp-deeplabv3plus"
    )
    made.add_argument("--masks", type=_numbers, default=[5, 10, 25], metavar="N,N")
    made.add_argument("--seeds", type=_numbers, default=[0, 1, 2], metavar="N,N")
    made.add_argument("--masks-split-prefix", default="strong_", metavar="TEXT")
    made.add_argument("--device", choices=("auto", "cpu", "cuda"), help="default: as it began")
    made.add_argument("--quiet", action="store_true", help="show no bars")
    return made


def run(
    arguments: Sequence[str] | None = None,
    load: Callable[[], object] = load_peer_packages,
    peers: "Sequence[Method] | None" = None,
) -> int:
    """Train the missing cells and return the exit status: 0 done, 1 some failed, 2 wrong use.

    Args:
        arguments: words of the command line; None: those this process was started with.
        load: makes the peers' packages importable.
        peers: the methods to choose from; None: those of ``benchmarks.peers``.
    """
    given = parser().parse_args(arguments)
    try:
        load()
        return _train(given, peers)
    except UserError as fault:
        _complain(" ".join(str(fault).split()))
        return WRONG_USE if isinstance(fault, UsageError) else FAILED
    except KeyboardInterrupt:
        _complain(f"interrupted; the same command goes on; what is done lies in {given.out}")
        return INTERRUPTED


def _train(given: Namespace, peers: "Sequence[Method] | None") -> int:
    from benchmarks.peer_cells import train_cells
    from benchmarks.peers import PEERS

    failed = train_cells(
        given.data,
        given.out,
        choose(given.methods, peers or PEERS),
        masks=given.masks,
        seeds=given.seeds,
        prefix=given.masks_split_prefix,
        device=given.device,
        progress=not given.quiet,
        tell=_say,
    )
    return FAILED if failed else DONE


def choose(names: Sequence[str] | None, peers: "Sequence[Method]") -> "list[Method]":
    """Return the methods of some names, each once; all for None.

    Raises:
        UsageError: there is no method of a name.
    """
    by_name = {method.name: method for method in peers}
    wanted = dict.fromkeys(by_name if names is None else names)
    for name in wanted:
        if name not in by_name:
            known = ", ".join(by_name)
            raise UsageError(f"--methods: there is no peer {name!r}; the peers are {known}")
    return [by_name[name] for name in wanted]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: expected whole numbers such as 5,25") from None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"benchmarks: {line}\n")


if __name__ == "__main__":
    sys.exit(run())
