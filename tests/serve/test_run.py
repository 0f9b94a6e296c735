"""The server as a process: where it listens, who may ask, how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from decouplednet.errors import DataError, ModelError, SettingsError, UsageError
from decouplednet.serve import run
from decouplednet.serve.run import Wanted, check_access, check_packages, serve
from tests.inference.small import write_tiny_model
from tests.serve.conftest import CONFIG

TOKEN = "0123456789abcdef"  # noqa: S105 (of these tests)


def quiet(_: str) -> None:
    """Take no notice."""


@contextmanager
def running(model: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Give the process of a server on any free port, its address, and what it announced."""
    command = [sys.executable, "-W", "error", "-m", "decouplednet", "backend", str(model)]
    process = subprocess.Popen(
        [*command, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout
    try:
        announced = process.stdout.readline()
        found = re.match(r"http://\S+", announced)
        assert found, process.communicate()
        yield process, found.group(), announced
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def get(address: str, headers: dict[str, str] | None = None) -> tuple[int, object]:
    request = urllib.request.Request(address, headers=headers or {})  # noqa: S310 (of this test)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as fault:
        return fault.code, json.load(fault)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    model = write_tiny_model(tmp_path / "run", {"cat": 0.9, "dog": 0.1})

    with running(model, "--precision", "32", "--device", "cpu") as (process, address, announced):
        status, state = get(f"{address}/health", {"X-Request-ID": "n1"})
        setup = json.dumps({"project": "1", "schema": CONFIG}).encode()
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(  # noqa: S310 (of this test)
            urllib.request.Request(f"{address}/setup", setup, headers)  # noqa: S310
        ) as answer:
            notes = json.load(answer)["notes"]
        rebound, _ = get(f"{address}/health", {"Host": "evil.example"})
        process.send_signal(number)
        said, logged = process.communicate(timeout=60)

    assert process.returncode == 0
    assert status == 200
    assert isinstance(state, dict)
    assert announced == (
        f"{address} answers Label Studio as {state['model_version']} (classes: cat, dog; float32 "
        "on cpu); Ctrl-C stops it\n"
    )
    assert notes[-1] == "tags: there is no class 'cow'; the classes are cat, dog"
    assert rebound == 421
    assert said == "stopped\n"
    lines = [json.loads(line) for line in logged.splitlines()]
    assert [line["event"] for line in lines] == ["request", "setup", "request", "request"]
    assert lines[0]["request"] == "n1"
    assert [line.get("status") for line in lines] == [200, None, 200, 421]


@pytest.mark.slow
def test_with_a_token_it_may_listen_everywhere(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "run", {"cat": 0.9})

    options = ("--host", "0.0.0.0", "--token", TOKEN, "--quiet")  # noqa: S104 (of this test)
    with running(model, *options) as (process, address, announced):
        here = address.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        bare = get(f"{here}/health")
        named = get(f"{here}/health", {"Authorization": f"Bearer {TOKEN}", "Host": "gpu.example"})
        process.terminate()
        _, logged = process.communicate(timeout=60)

    assert "; password: the token, with any user name; Ctrl-C stops it" in announced
    assert TOKEN not in announced
    assert bare == (401, {"error": "expected the server's token as the password of basic auth"})
    assert named[0] == 200
    assert logged == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    check_access(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "gpu.example", ""])  # noqa: S104
def test_others_need_a_token(host: str) -> None:
    message = (
        f"--host {host}: others can reach this server, so it needs --token, a password that Label "
        "Studio sends; or --host 127.0.0.1"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        check_access(host, None)
    check_access(host, TOKEN)


@pytest.mark.parametrize(
    "token", ["", "short", "0123456789abcde", "two words and more", "t\u00f6" * 9]
)
def test_a_token_that_is_none_is_refused(token: str) -> None:
    message = (
        "--token: expected 16 letters, digits or signs at least, without spaces; python -c "
        '"import secrets; print(secrets.token_urlsafe())" makes one'
    )
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        check_access("127.0.0.1", token)


def test_a_folder_of_images_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    for name in ("none", "file"):
        images = tmp_path / name
        with pytest.raises(DataError, match=f"^--images {images}: there is no such folder$"):
            serve(Wanted(model=tmp_path, images=images), quiet)


def test_a_port_in_use_is_refused_before_the_model_is_read(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            DataError,
            match=rf"^--host 127\.0\.0\.1 --port {port}: cannot listen there: Address already in "
            "use.*; choose another$",
        ):
            serve(Wanted(model=tmp_path / "none", port=port), quiet)


def test_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no such model"):
        serve(Wanted(model=tmp_path / "none", port=0), quiet)


def test_an_address_of_label_studio_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", "localhost:8080")

    with pytest.raises(SettingsError, match=r"^LABEL_STUDIO_URL: 'localhost:8080': expected an "):
        serve(Wanted(model=tmp_path, port=0), quiet)


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_a_missing_package_is_named_with_its_extra(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> None:
        if name == missing:
            raise ModuleNotFoundError(name)

    monkeypatch.setattr(run, "import_module", find)

    message = (
        f"decouplednet backend needs the package {missing}, which is not installed; install it "
        "with python -m pip install 'decouplednet[serve]'"
    )
    with pytest.raises(ModelError, match=f"^{re.escape(message)}$"):
        check_packages()
