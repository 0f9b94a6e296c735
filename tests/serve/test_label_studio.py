import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from decouplednet.errors import DataError, SettingsError
from decouplednet.serve import label_studio, limits
from decouplednet.serve.label_studio import LabelStudio
from tests.serve.label_studio import LEGACY, PERSONAL, FakeLabelStudio, fake_label_studio

UPLOADED = "/data/upload/1/a.png"


@pytest.fixture
def there() -> Iterator[FakeLabelStudio]:
    with fake_label_studio({UPLOADED: b"content"}) as state:
        yield state


def refusal(of: LabelStudio, path: str = UPLOADED, query: str = "") -> str:
    with pytest.raises(DataError) as refused:
        of.fetch(path, query)
    return str(refused.value)


def test_a_file_is_fetched_with_a_legacy_token(there: FakeLabelStudio) -> None:
    assert LabelStudio(there.address, LEGACY).fetch(UPLOADED) == b"content"
    assert there.asked == [f"GET {UPLOADED}"]


def test_a_personal_token_is_exchanged_once_and_again_when_it_is_worn_out(
    there: FakeLabelStudio,
) -> None:
    there.access = ["a.first.x", "a.second.x"]
    there.accepted = {"Bearer a.first.x"}
    client = LabelStudio(there.address, PERSONAL)

    assert client.fetch(UPLOADED) == client.fetch(UPLOADED) == b"content"
    there.accepted = {"Bearer a.second.x"}
    assert client.fetch(UPLOADED) == b"content"

    refresh, get = "POST /api/token/refresh/", f"GET {UPLOADED}"
    assert there.asked == [refresh, get, get, get, refresh, get]


def test_the_query_is_sent_and_signs_that_no_path_may_hold_are_coded(
    there: FakeLabelStudio,
) -> None:
    there.files = {"/data/local-files/?d=a%20b.png": b"1", "/data/upload/1/b%C3%A4r%20.png": b"2"}
    client = LabelStudio(there.address, LEGACY)

    assert client.fetch("/data/local-files/", "d=a%20b.png") == b"1"
    assert client.fetch("/data/upload/1/b\u00e4r .png") == b"2"
    assert client.fetch("/data/upload/1/b%C3%A4r%20.png") == b"2"


def test_label_studio_may_lie_in_a_folder_of_its_host(there: FakeLabelStudio) -> None:
    there.files = {f"/labels{UPLOADED}": b"content"}
    client = LabelStudio(f"{there.address}/labels/", LEGACY)

    assert client.fetch(UPLOADED) == b"content"
    assert client.fetch(f"/labels{UPLOADED}") == b"content"


@pytest.mark.parametrize(
    "path",
    [
        "/api/projects",
        "/data/../api/projects",
        "/data/%2e%2e/api",
        "/data/..\\api",
        "/static/a.png",
    ],
)
def test_other_paths_are_not_asked_for(there: FakeLabelStudio, path: str) -> None:
    assert refusal(LabelStudio(there.address, LEGACY), path) == (
        "a path of Label Studio is fetched only below /data/ or /storage-data/; this one is not"
    )
    assert there.asked == []


def test_what_label_studio_refuses_is_one_line(there: FakeLabelStudio) -> None:
    assert refusal(LabelStudio(there.address, LEGACY), "/data/upload/1/b.png") == (
        "Label Studio has no such file (status 404)"
    )
    assert refusal(LabelStudio(there.address, "f" * 40)) == (
        "Label Studio does not accept the token of LABEL_STUDIO_API_KEY (status 401)"
    )
    assert refusal(LabelStudio(there.address, PERSONAL)) == (
        "Label Studio does not accept the token of LABEL_STUDIO_API_KEY (status 401)"
    )
    assert refusal(LabelStudio(there.address, None)) == (
        "LABEL_STUDIO_API_KEY is not set, without which Label Studio gives no files"
    )


def test_an_exchange_that_yields_no_token_is_refused(there: FakeLabelStudio) -> None:
    there.access = ["line\nbreak"]

    assert refusal(LabelStudio(there.address, PERSONAL)) == (
        "Label Studio's answer to a personal access token holds no other token"
    )


def test_redirections_are_not_followed(there: FakeLabelStudio) -> None:
    with fake_label_studio({UPLOADED: b"elsewhere"}) as elsewhere:
        there.redirect = elsewhere.address + UPLOADED

        assert refusal(LabelStudio(there.address, LEGACY)) == (
            "Label Studio answers with a redirection (status 302), which is not followed"
        )
        assert elsewhere.asked == []


def test_a_file_that_is_too_large_is_refused(
    there: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_IMAGE_BYTES", 6)
    monkeypatch.setattr(label_studio, "MOST_IMAGE_BYTES", 6)

    assert refusal(LabelStudio(there.address, LEGACY)) == ("the image's file has more than 6 bytes")


def test_a_label_studio_that_is_not_there_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert refusal(LabelStudio(f"http://127.0.0.1:{port}", LEGACY)) == (
        "Label Studio cannot be reached: Connection refused; is LABEL_STUDIO_URL its address?"
    )


def test_it_is_at_its_scheme_host_and_port_alone() -> None:
    client = LabelStudio("http://localhost:8080", LEGACY)
    of_default = LabelStudio("https://labels.example", None)

    assert client.is_at(urlsplit("http://LOCALHOST:8080/data/upload/1/a.png"))
    assert of_default.is_at(urlsplit("https://labels.example:443/data/a.png"))
    for other in (
        "https://localhost:8080/data/a.png",
        "http://localhost/data/a.png",
        "http://localhost:80800/data/a.png",
        "http://127.0.0.1:8080/data/a.png",
        "http://localhost:8080@evil.example/data/a.png",
        "http://evil.example#@localhost:8080/data/a.png",
        "http://user@localhost:8080/data/a.png",
        "http://localhost:8080.evil.example/data/a.png",
    ):
        assert not client.is_at(urlsplit(other)), other


def test_the_environment_names_it() -> None:
    found = LabelStudio.of_environment(
        {"LABEL_STUDIO_URL": "http://localhost:8080", "LABEL_STUDIO_API_KEY": LEGACY}
    )

    assert found is not None
    assert found.is_at(urlsplit("http://localhost:8080/"))
    assert LabelStudio.of_environment({"LABEL_STUDIO_API_KEY": LEGACY}) is None


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8080",
        "ftp://localhost",
        "http://",
        "http://localhost:x",
        "http://localhost:0",
        "http://[::1",
        "http://me:secret@localhost",
        "http://localhost?a=b",
        "http://localhost#a",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    message = f"LABEL_STUDIO_URL: {address!r}: expected an address such as http://localhost:8080"
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        LabelStudio(address, LEGACY)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "t\u00f6ken"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(
        SettingsError,
        match=r"^LABEL_STUDIO_API_KEY: expected an access token, letters and signs without spaces$",
    ):
        LabelStudio("http://localhost:8080", token)
