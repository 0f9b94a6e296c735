"""A real Label Studio and our backend as processes, and its API, for slow tests."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LABEL_STUDIO = Path(
    os.environ.get("DECOUPLEDNET_LABEL_STUDIO")
    or ROOT / ".venv-label-studio" / "bin" / "label-studio"
)
"""The command of an environment that has it."""

LEGACY = "0123456789abcdef0123456789abcdef01234567"
SECONDS_TO_START = 1800.0  # its data base is made by several hundred migrations
_BOUNDARY = "the-boundary-of-this-test"


@dataclass(frozen=True, slots=True)
class Api:
    """The API of a Label Studio.

    Args:
        address: of it.
        token: a legacy token.
    """

    address: str
    token: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON that a request is answered with; a refusal fails the test."""
        content = None if body is None else json.dumps(body).encode()
        return json.loads(self._open(method, path, content, "application/json"))

    def upload(self, project: int, files: Mapping[str, bytes]) -> None:
        """Import images as tasks."""
        parts = b"".join(
            f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name={name!r}; filename={name!r}\r\n"
            "Content-Type: image/png\r\n\r\n".replace("'", '"').encode()
            + content
            + b"\r\n"
            for name, content in files.items()
        )
        content = parts + f"--{_BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        self._open("POST", f"/api/projects/{project}/import", content, kind)

    def _open(self, method: str, path: str, content: bytes | None, kind: str) -> bytes:
        headers = {"Authorization": f"Token {self.token}", "Content-Type": kind}
        request = urllib.request.Request(  # noqa: S310 (of this machine)
            self.address + path, content, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as fault:
            raise AssertionError(f"{method} {path}: {fault.code} {fault.read()!r}") from None


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def label_studio(folder: Path, local_files: Path) -> Iterator[Api]:
    """Start Label Studio with a user and all its data in a folder, and give its API."""
    port = free_port()
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(local_files),
        # Else it calls no backend on this machine.
        "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS": "false",
    }
    who = ("--username", "me@example.org", "--password", "a long password", "--user-token", LEGACY)
    where = ("--internal-host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder))
    how = ("--no-browser", "--init", "--enable-legacy-api-token")
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [str(LABEL_STUDIO), "start", *who, *where, *how],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(port, process, folder / "log.txt")
            yield Api(f"http://127.0.0.1:{port}", LEGACY)
        finally:
            process.terminate()
            process.wait(60)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        else:
            return


@contextmanager
def backend(model: Path, images: Path, api: Api, token: str, key: str) -> Iterator[str]:
    """Start our backend, and give its address."""
    settings = {
        "LABEL_STUDIO_URL": api.address,
        "LABEL_STUDIO_API_KEY": key,
        "DECOUPLEDNET_TOKEN": token,
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "decouplednet", "backend", str(model), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--images", str(images), "--device", "cpu", "--precision", "32", "--quiet"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        yield process.stdout.readline().split()[0]
    finally:
        process.terminate()
        process.communicate(timeout=60)
