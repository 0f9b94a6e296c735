from pathlib import Path

import pytest

from decouplednet.cli.backend import backend
from decouplednet.serve import run as running
from decouplednet.serve.run import Wanted
from tests.cli.conftest import runner

run = runner(backend)


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """Record how the server would run; tests/serve runs it really."""
    wanted: list[Wanted] = []

    def instead(one: Wanted, announce: object) -> None:
        wanted.append(one)

    monkeypatch.setattr(running, "serve", instead)
    return wanted


def test_it_listens_to_this_machine_alone_unless_told(served: list[Wanted]) -> None:
    assert run("runs/animals").stdout == "stopped\n"

    assert served == [Wanted(model=Path("runs/animals"), host="127.0.0.1", port=9090)]


def test_every_option_reaches_the_server(served: list[Wanted], tmp_path: Path) -> None:
    where = ("--host", "0.0.0.0", "--port", "8000", "--images", tmp_path)  # noqa: S104 (a test)
    how = ("--token", "secret", "--device", "cpu", "--precision", "bf16", "--quiet")

    run("runs/animals", *where, *how)

    assert served == [
        Wanted(
            model=Path("runs/animals"),
            host="0.0.0.0",  # noqa: S104 (a test)
            port=8000,
            images=tmp_path,
            token="secret",  # noqa: S106 (a test)
            device="cpu",
            precision="bf16",
            quiet=True,
        )
    ]


def test_the_token_may_stand_in_the_environment(
    served: list[Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECOUPLEDNET_TOKEN", "of the environment")

    run("runs/animals")

    assert served[0].token == "of the environment"  # noqa: S105 (a test)


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_wrong_use(port: str, served: list[Wanted]) -> None:
    run("runs/animals", "--port", port, status=2)

    assert served == []
