"""A server that serves files as Label Studio does, for tests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LEGACY = "0123456789abcdef0123456789abcdef01234567"
PERSONAL = "header.refresh.signature"


@dataclass
class FakeLabelStudio:
    """What it holds, and what it was asked.

    Args:
        files: content by path, as it is asked for.
        accepted: what the header of authorization must be.
        access: the tokens that a personal one is exchanged for, one after the other.
        redirect: where everything lies now; None: where it was.
        asked: method and target of each request.
        address: of the server.
    """

    files: dict[str, bytes]
    accepted: set[str] = field(default_factory=lambda: {f"Token {LEGACY}"})
    access: list[str] = field(default_factory=list)
    redirect: str | None = None
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def get(self, target: str, authorization: str | None) -> tuple[int, bytes]:
        self.asked.append(f"GET {target}")
        if self.redirect is not None:
            return 302, b""
        if authorization not in self.accepted:
            return 401, b"{}"
        return (200, self.files[target]) if target in self.files else (404, b"{}")

    def post(self, target: str, sent: object) -> tuple[int, bytes]:
        self.asked.append(f"POST {target}")
        if sent != {"refresh": PERSONAL} or not self.access:
            return 401, b"{}"
        return 200, json.dumps({"access": self.access.pop(0)}).encode()


@contextmanager
def fake_label_studio(files: dict[str, bytes]) -> Iterator[FakeLabelStudio]:
    """Serve files on this machine while the context lasts."""
    state = FakeLabelStudio(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(*state.get(self.path, self.headers.get("Authorization")))

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(*state.post(self.path, sent))

        def answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if status == 302:
                self.send_header("Location", str(state.redirect))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
