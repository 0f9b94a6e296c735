"""What every request passes before the application sees it, and every answer on its way out."""

import base64
import binascii
import json
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from decouplednet.serve.log import LOG, request_id, tell

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
"""As ASGI has it (https://asgi.readthedocs.io, version 3.0)."""

_NUMBER = re.compile(rb"[\w-]{1,64}", re.ASCII)
_CHALLENGE = (b"www-authenticate", b'Basic realm="decouplednet", charset="UTF-8"')


@dataclass(frozen=True, slots=True)
class _Refused(Exception):  # noqa: N818 (an answer, no fault)
    status: int
    line: str


class Border:
    """Numbers, checks and logs requests.

    Each gets the number of its header ``X-Request-ID``, or a new one, which its answer carries too.
    One line is logged of each. A fault that the application lets through is logged with its trace;
    the answer names the number alone.

    Args:
        application: what answers.
        token: the password, of any user, that requests must bring as HTTP basic authentication, or
            as a bearer token; None: none is asked for.
        hosts: names by which the server may be called, in small letters and without port; None:
            any. A page of the web whose name was made to lead to this machine calls by its own.
        most_bytes: of a request; it is read whole before it is answered.
    """

    def __init__(
        self,
        application: Application,
        *,
        token: str | None,
        hosts: frozenset[str] | None,
        most_bytes: int,
    ) -> None:
        self._application = application
        self._token = token.encode() if token else None
        self._hosts = hosts
        self._most_bytes = most_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        number = request_id.set(_number(headers))
        answer = _Answer(send)
        started = time.perf_counter()
        try:
            await self._pass(scope, headers, receive, answer)
        except _Refused as refused:
            await answer.refuse(refused.status, refused.line)
        except Exception:
            logging.getLogger(LOG).exception("a request failed")
            await answer.refuse(500, fault_line())
        finally:
            facts = {
                "method": scope["method"],
                "path": scope["path"],
                "status": answer.status,
                "seconds": round(time.perf_counter() - started, 3),
            }
            tell("request", facts)
            request_id.reset(number)

    async def _pass(
        self, scope: Message, headers: dict[bytes, bytes], receive: Receive, answer: "_Answer"
    ) -> None:
        self._check_host(headers.get(b"host", b""))
        self._check_token(headers.get(b"authorization", b""))
        body = await self._body(headers, receive)
        await self._application(scope, _replayed(body, receive), answer.send)

    def _check_host(self, host: bytes) -> None:
        name = re.sub(rb":\d*$", b"", host).strip(b"[]").lower()
        if self._hosts is not None and name.decode("latin-1") not in self._hosts:
            raise _Refused(421, "this server answers under the address that it was started with")

    def _check_token(self, authorization: bytes) -> None:
        if self._token is None:
            return
        scheme, _, credentials = authorization.partition(b" ")
        given = credentials.strip()
        if scheme.lower() == b"basic":
            given = _password(given)
        elif scheme.lower() != b"bearer":
            given = b""
        if not secrets.compare_digest(given, self._token):
            raise _Refused(401, "expected the server's token as the password of basic auth")

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        announced = headers.get(b"content-length", b"0")
        self._check_size(int(announced) if announced.isdigit() else 0)
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            self._check_size(size)
            more = message["type"] == "http.request" and message.get("more_body", False)
        return b"".join(parts)

    def _check_size(self, size: int) -> None:
        if size > self._most_bytes:
            raise _Refused(
                413, f"a request of more than {self._most_bytes} bytes; send fewer tasks"
            )


class _Answer:
    """What is sent back; its first part carries the number of the request.

    Args:
        send: where it goes.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None
        """As it was sent; None before."""

    async def send(self, message: Message) -> None:
        """Send a part on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            number = str(request_id.get()).encode()
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", number)]
        await self._send(message)

    async def refuse(self, status: int, line: str) -> None:
        """Send a refusal, unless something was sent already."""
        if self.status is not None:
            return
        body = json.dumps({"error": line}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *([_CHALLENGE] if status == 401 else []),
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def fault_line() -> str:
    """Return what a client learns of a fault: under which number it is logged."""
    return f"a fault of the server, logged as {request_id.get()}"


def _number(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _NUMBER.fullmatch(given) else secrets.token_hex(8)


def _password(credentials: bytes) -> bytes:
    """Return the password of basic authentication (RFC 7617); empty where there is none."""
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read, and then waits for the client to leave."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
