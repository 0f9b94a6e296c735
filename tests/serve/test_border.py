"""The border alone, with an application that says what it was asked."""

import asyncio
import base64
import json
import logging
import re
from typing import Any

import pytest

from decouplednet.serve.border import Border, Message, Receive, Send
from decouplednet.serve.log import LOG, request_id

TOKEN = "0123456789abcdef"  # noqa: S105 (of these tests)
UNAUTHORISED = "expected the server's token as the password of basic auth"


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with the body and the number of the request."""
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    text = f"{request_id.get()} {body.decode()}"
    await send({"type": "http.response.body", "body": text.encode()})


async def broken(scope: Message, receive: Receive, send: Send) -> None:
    raise RuntimeError("secret of /home/me")


async def broken_late(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("secret")


class Sent:
    """What was sent back."""

    def __init__(self, messages: list[Message]) -> None:
        self.status = messages[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        self.text = b"".join(one.get("body", b"") for one in messages[1:]).decode()


def ask(
    application: Any = echo,
    *,
    headers: dict[str, str] | None = None,
    body: tuple[bytes, ...] = (b"",),
    token: str | None = None,
    hosts: frozenset[str] | None = None,
    most_bytes: int = 100,
) -> Sent:
    """Send one request through the border."""
    parts = [
        {"type": "http.request", "body": part, "more_body": place < len(body) - 1}
        for place, part in enumerate(body)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
    }
    border = Border(application, token=token, hosts=hosts, most_bytes=most_bytes)
    asyncio.run(border(scope, receive, send))
    return Sent(sent)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def refusal(sent: Sent) -> tuple[int, str]:
    assert sent.headers["content-type"] == "application/json"
    assert int(sent.headers["content-length"]) == len(sent.text.encode())
    held = json.loads(sent.text)
    assert set(held) == {"error"}
    return sent.status, held["error"]


def test_a_request_gets_a_number_that_its_answer_carries() -> None:
    sent = ask(body=(b"a", b"b", b"c"))

    number, text = sent.text.split()
    assert re.fullmatch("[0-9a-f]{16}", number)
    assert text == "abc"
    assert sent.headers == {"x-request-id": number}
    assert request_id.get() is None


def test_a_number_that_the_request_brings_is_kept_where_it_is_one() -> None:
    assert ask(headers={"X-Request-ID": "ab-3_C"}).headers == {"x-request-id": "ab-3_C"}
    for odd in ("a b", "x" * 65, "\u00e4", ""):
        assert re.fullmatch("[0-9a-f]{16}", ask(headers={"X-Request-ID": odd}).text.strip())


@pytest.mark.parametrize(
    "headers",
    [
        basic("anybody", TOKEN),
        basic("", TOKEN),
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": f"bearer  {TOKEN} "},
    ],
)
def test_the_token_lets_in(headers: dict[str, str]) -> None:
    assert ask(headers=headers, token=TOKEN).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic(TOKEN, ""),
        basic("anybody", TOKEN[:-1]),
        basic("anybody", TOKEN + "0"),
        {"authorization": TOKEN},
        {"authorization": f"Token {TOKEN}"},
        {"authorization": "Basic ???"},
        {"authorization": "Bearer t\u00f6ken"},
    ],
)
def test_nothing_else_does(headers: dict[str, str]) -> None:
    sent = ask(headers=headers, token=TOKEN)

    assert refusal(sent) == (401, UNAUTHORISED)
    assert sent.headers["www-authenticate"] == 'Basic realm="decouplednet", charset="UTF-8"'


def test_a_page_that_calls_the_server_by_another_name_is_refused() -> None:
    own = frozenset({"localhost", "::1"})

    for host in ("localhost:9090", "LOCALHOST", "[::1]:9090", "[::1]"):
        assert ask(headers={"Host": host}, hosts=own).status == 200
    for host in ("evil.example:9090", "localhost.evil.example", ""):
        assert refusal(ask(headers={"Host": host}, hosts=own)) == (
            421,
            "this server answers under the address that it was started with",
        )
    assert ask(headers={"Host": "evil.example"}, hosts=None).status == 200


def test_a_request_that_is_too_large_is_refused_whether_or_not_it_says_so() -> None:
    line = (413, "a request of more than 5 bytes; send fewer tasks")

    assert refusal(ask(headers={"Content-Length": "6"}, most_bytes=5)) == line
    assert refusal(ask(body=(b"abc", b"def"), most_bytes=5)) == line
    assert ask(body=(b"abc", b"de"), most_bytes=5).status == 200


def test_a_fault_is_logged_and_its_answer_names_the_number_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, LOG):
        sent = ask(broken, headers={"X-Request-ID": "n1"})

    assert refusal(sent) == (500, "a fault of the server, logged as n1")
    assert [record.message for record in caplog.records] == ["a request failed", "request"]
    assert "secret of /home/me" in caplog.text


def test_a_fault_after_the_answer_began_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, LOG):
        sent = ask(broken_late)

    assert (sent.status, sent.text) == (200, "")
    assert caplog.records[0].message == "a request failed"


def test_each_request_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, LOG):
        ask(token=TOKEN)

    (record,) = caplog.records
    facts = vars(record)["facts"]
    assert facts.pop("seconds") >= 0
    assert facts == {"method": "POST", "path": "/predict", "status": 401}


def test_what_is_no_request_is_passed_on() -> None:
    seen: list[str] = []

    async def lifespan(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def never() -> Message:
        raise AssertionError

    async def nowhere(message: Message) -> None:
        raise AssertionError

    border = Border(lifespan, token=TOKEN, hosts=None, most_bytes=1)
    asyncio.run(border({"type": "lifespan"}, never, nowhere))

    assert seen == ["lifespan"]
