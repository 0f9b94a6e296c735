"""Running the server: where it listens, who may ask, and how it ends."""

import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Literal

from decouplednet.errors import DataError, ModelError, UsageError
from decouplednet.inference.devices import choose_device, precision_word
from decouplednet.inference.model_folder import load_model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.serve.app import make_app
from decouplednet.serve.backend import Backend
from decouplednet.serve.images import ImageSources
from decouplednet.serve.label_studio import LabelStudio
from decouplednet.serve.log import settings
from decouplednet.serve.version import model_version

SHORTEST_TOKEN = 16
SECONDS_TO_FINISH = 30
"""How long requests that are being answered may take when the server is stopped."""

_NAMES_OF_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How the server is to run.

    Args:
        model: a run folder or its ``model/``.
        host: name or address to listen at.
        port: to listen at; 0 for any that is free.
        images: folder that Label Studio serves as its local files; None: it is asked for them.
        token: that requests must bring; None: none, which only this machine's own addresses allow.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: of the matrix products, see ``load_model``.
        quiet: log warnings and faults alone.
    """

    model: Path
    host: str = "127.0.0.1"
    port: int = 9090
    images: Path | None = None
    token: str | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: str = "auto"
    quiet: bool = False


def serve(wanted: Wanted, announce: Callable[[str], None]) -> None:
    """Answer Label Studio until the process is told to stop.

    Requests that are being answered then are finished first, for up to ``SECONDS_TO_FINISH``.

    Args:
        wanted: how to run.
        announce: gets a line once requests can come.

    Raises:
        UsageError: others could reach the server without a token, or the token is none.
        DataError: there is no such folder of images, or nothing can listen at the address.
        ModelError: there is no model, or a package is missing.
        SettingsError: LABEL_STUDIO_URL or LABEL_STUDIO_API_KEY are none.
        DeviceError: the device or the precision is not on this machine.
    """
    check_packages()
    check_access(wanted.host, wanted.token)
    if wanted.images is not None and not wanted.images.is_dir():
        raise DataError(f"--images {wanted.images}: there is no such folder")
    sources = ImageSources(wanted.images, LabelStudio.of_environment(os.environ))
    with _listening(wanted.host, wanted.port) as listener:
        segmenter = load_model(wanted.model, choose_device(wanted.device), wanted.precision)
        version = model_version(segmenter)
        backend = Backend(predictor=segmenter.predictor(), sources=sources, version=version)
        announce(_announcement(wanted, segmenter, version, listener))
        _run(backend, wanted, listener)


def check_packages() -> None:
    """Refuse to go on where a package is missing.

    Raises:
        ModelError: one is.
    """
    for name in ("fastapi", "uvicorn"):
        try:
            import_module(name)
        except ImportError:
            raise ModelError(
                f"decouplednet backend needs the package {name}, which is not installed; install "
                "it with python -m pip install 'decouplednet[serve]'"
            ) from None


def check_access(host: str, token: str | None) -> None:
    """Refuse to let others than this machine ask without a token.

    Args:
        host: name or address to listen at.
        token: None: none is asked for.

    Raises:
        UsageError: the token is short or holds other signs than a password may, or there is none
            and the address is not this machine's own.
    """
    if token is None:
        if not _is_of_this_machine(host):
            raise UsageError(
                f"--host {host}: others can reach this server, so it needs --token, a password "
                "that Label Studio sends; or --host 127.0.0.1"
            )
        return
    is_plain = token.isascii() and token.isprintable() and " " not in token
    if len(token) < SHORTEST_TOKEN or not is_plain:
        raise UsageError(
            f"--token: expected {SHORTEST_TOKEN} letters, digits or signs at least, without "
            'spaces; python -c "import secrets; print(secrets.token_urlsafe())" makes one'
        )


def _is_of_this_machine(host: str) -> bool:
    if host in _NAMES_OF_THIS_MACHINE:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Give a socket that has its address, so that a port in use is known before a model is read."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(found[4][:2], family=found[0])
    except (OSError, OverflowError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "no such port"
        raise DataError(
            f"--host {host} --port {port}: cannot listen there: {reason}; choose another"
        ) from None
    with listener:
        yield listener


def _announcement(
    wanted: Wanted, segmenter: Segmenter, version: str, listener: socket.socket
) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    classes = f"classes: {', '.join(segmenter.classes)}"
    computed = f"{precision_word(segmenter.precision)} on {segmenter.device}"
    locked = "; password: the token, with any user name" if wanted.token else ""
    return (
        f"http://{shown}:{port} answers Label Studio as {version} ({classes}; {computed}){locked}; "
        "Ctrl-C stops it"
    )


def _run(backend: Backend, wanted: Wanted, listener: socket.socket) -> None:
    import uvicorn

    # A page of another name could reach this machine by its browser, but it knows no token.
    own = None if wanted.token else _NAMES_OF_THIS_MACHINE | {wanted.host.lower()}
    app = make_app(backend, token=wanted.token, hosts=own)
    config = uvicorn.Config(
        app,
        log_config=settings(quiet=wanted.quiet),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    with _stops_quietly():
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _stops_quietly() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the server and then be done with.

    The server raises both again when it has ended, for whoever handled them before it.
    """

    def done(number: int, frame: FrameType | None) -> None:
        """Do nothing more."""

    before = {number: signal.signal(number, done) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
