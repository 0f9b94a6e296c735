"""Fetching images from one Label Studio, and from nowhere else."""

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from decouplednet.errors import DataError, SettingsError
from decouplednet.serve.limits import MOST_IMAGE_BYTES, check_image_bytes

ADDRESS, TOKEN = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"
FOLDERS = ("/data/", "/storage-data/")
"""Where Label Studio keeps what was uploaded or lies in its storages."""

_SECONDS = 20.0  # that connecting, and each wait for bytes, may take
_PORTS = {"http": 80, "https": 443}
_REFRESH = "/api/token/refresh/"
_MOST_TOKEN_BYTES = 2**16
_KEPT = (
    "/%:@!$&'()*+,;=~?"  # signs of a path or query that stand as they are (RFC 3986, section 3.3)
)
_REFUSED = frozenset({401, 403})


class LabelStudio:
    """Reads the files of one Label Studio with somebody's access token.

    Redirections are not followed, and no proxy is asked: a token goes to that host alone.

    Args:
        address: of Label Studio, such as ``http://localhost:8080``.
        token: an access token of either kind: a legacy token, or a personal access token, which
            is exchanged for one that lasts minutes. None: nothing can be fetched.

    Raises:
        SettingsError: the address is none, or the token holds spaces or other signs than ASCII.
    """

    def __init__(self, address: str, token: str | None) -> None:
        self._at = _checked(address)
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            raise SettingsError(
                f"{TOKEN}: expected an access token, letters and signs without spaces"
            )
        self._token = token
        self._access: str | None = None  # what a personal access token was exchanged for

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "LabelStudio | None":
        """Return the one that the environment names; None where it names none.

        Args:
            environment: its variables; LABEL_STUDIO_URL is the address, LABEL_STUDIO_API_KEY the
                token.

        Raises:
            SettingsError: as the constructor.
        """
        address = environment.get(ADDRESS)
        return cls(address, environment.get(TOKEN)) if address else None

    def is_at(self, url: SplitResult) -> bool:
        """Tell whether an address with a host lies at this Label Studio."""
        return _host_of(url) == _host_of(self._at)

    def fetch(self, path: str, query: str = "") -> bytes:
        """Return what one of its files holds.

        Args:
            path: of the file, below one of ``FOLDERS``.
            query: what follows ``?``.

        Raises:
            DataError: the path is another, there is no token, Label Studio cannot be reached or
                refuses, or the file is too large.
        """
        target = quote(self._target(path) + (f"?{query}" if query else ""), safe=_KEPT)
        if not self._token:
            raise DataError(f"{TOKEN} is not set, without which Label Studio gives no files")
        status, content = self._get(target)
        if status in _REFUSED and _is_personal(self._token):  # the exchanged token lasts minutes
            self._access = None
            status, content = self._get(target)
        if status != http.client.OK:
            raise DataError(_refusal(status))
        check_image_bytes(len(content))
        return content

    def _target(self, path: str) -> str:
        """Return the path on the host, below the folder that Label Studio itself may lie in."""
        below = self._at.path.rstrip("/")
        inner = path.removeprefix(below) if below else path
        parts = unquote(inner).replace("\\", "/").split("/")
        if not inner.startswith(FOLDERS) or ".." in parts:
            raise DataError(
                f"a path of Label Studio is fetched only below {' or '.join(FOLDERS)}; this one "
                "is not"
            )
        return below + inner

    def _get(self, target: str) -> tuple[int, bytes]:
        headers = {"Authorization": self._authorization()}
        return self._ask("GET", target, headers, None, MOST_IMAGE_BYTES)

    def _authorization(self) -> str:
        """Return the header that says who asks, as each kind of token wants it."""
        if not _is_personal(str(self._token)):
            return f"Token {self._token}"
        if self._access is None:
            self._access = self._exchanged()
        return f"Bearer {self._access}"

    def _exchanged(self) -> str:
        """Return the access token that a personal one, which only refreshes, is exchanged for."""
        body = json.dumps({"refresh": self._token}).encode()
        headers = {"Content-Type": "application/json"}
        target = self._at.path.rstrip("/") + _REFRESH
        status, content = self._ask("POST", target, headers, body, _MOST_TOKEN_BYTES)
        if status != http.client.OK:
            raise DataError(_refusal(status))
        access = _access_in(content)
        if access is None:
            raise DataError("Label Studio's answer to a personal access token holds no other token")
        return access

    def _ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, most: int
    ) -> tuple[int, bytes]:
        """Return the status of an answer and at most one byte more of it than allowed."""
        connection = self._connection()
        try:
            connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.read(most + 1)
        except (OSError, http.client.HTTPException) as fault:
            said = fault.strerror if isinstance(fault, OSError) else None
            raise DataError(
                f"Label Studio cannot be reached: {said or type(fault).__name__}; is {ADDRESS} its "
                "address?"
            ) from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host = str(self._at.hostname)
        port = self._at.port or _PORTS[self._at.scheme]
        if self._at.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=_SECONDS)
        trusted = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=trusted)


def _checked(address: str) -> SplitResult:
    try:
        at = urlsplit(address)
        is_whole = at.scheme in _PORTS and at.hostname and at.port != 0
    except ValueError:  # a port that is no number, or half of an IPv6 address
        is_whole = False
    if not is_whole or at.username is not None or at.query or at.fragment:
        raise SettingsError(
            f"{ADDRESS}: {address!r}: expected an address such as http://localhost:8080"
        )
    return at


def _host_of(url: SplitResult) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port; None where they are none, or hold a user's name."""
    try:
        port = url.port or _PORTS.get(url.scheme)
    except ValueError:
        return None
    return None if url.username is not None else (url.scheme, url.hostname, port)


def _is_personal(token: str) -> bool:
    """Tell a personal access token, a JWT of three parts, from a legacy token."""
    return token.count(".") == 2


def _access_in(content: bytes) -> str | None:
    try:
        held: Any = json.loads(content)
    except ValueError:
        return None
    access = held.get("access") if isinstance(held, dict) else None
    is_token = isinstance(access, str) and access.isascii() and access.isprintable()
    return access if is_token else None


def _refusal(status: int) -> str:
    if status in _REFUSED:
        return f"Label Studio does not accept the token of {TOKEN} (status {status})"
    if status == http.client.NOT_FOUND:
        return "Label Studio has no such file (status 404)"
    if 300 <= status < 400:
        return f"Label Studio answers with a redirection (status {status}), which is not followed"
    return f"Label Studio answers with status {status}"
