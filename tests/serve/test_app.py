"""The protocol as Label Studio speaks it, through HTTP."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from decouplednet.annotations.writers.brush import decode_brush
from decouplednet.serve.app import make_app
from decouplednet.serve.backend import Backend
from decouplednet.serve.log import LOG
from decouplednet.serve.protocol import Refusal
from tests.serve.conftest import CONFIG, SIZE

A = "/data/local-files/?d=a.png"
JSON = (b"content-type", b"application/json")
SETUP = {
    "project": "1.1700000000",
    "schema": CONFIG,
    "hostname": "http://localhost:8080",
    "access_token": "secret",
    "extra_params": None,
}


@pytest.fixture
def client(backend: Backend) -> Iterator[TestClient]:
    with TestClient(make_app(backend), raise_server_exceptions=False) as connected:
        yield connected


def predict(client: TestClient, *tasks: Any, context: Any = None) -> Any:
    request = {
        "tasks": list(tasks),
        "project": "1.1700000000",
        "label_config": CONFIG,
        "params": {"login": None, "password": None, "context": context},
    }
    return client.post("/predict", json=request)


def task(number: int, address: str = A, **more: Any) -> dict[str, Any]:
    return {"id": number, "data": {"image": address}, "project": 1, **more}


@pytest.mark.parametrize("path", ["/", "/health"])
def test_the_server_says_that_it_is_there(client: TestClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "UP",
        "model_class": "decouplednet",
        "model_version": "small-1",
    }


def test_versions_are_that_of_the_model(client: TestClient) -> None:
    assert client.get("/versions").json() == {"versions": ["small-1"]}


def test_a_project_is_set_up_and_told_what_does_not_fit(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    odd = CONFIG.replace('<Label value="cow"/>', '<Label value="Cow"/><Label value="zebra"/>')
    notes = [
        "masks: label 'Cow' is taken for class 'cow'",
        "masks: there is no class 'zebra'; the classes are cat, cow, dog",
    ]

    assert client.post("/setup", json=SETUP).json() == {"model_version": "small-1", "notes": []}
    with caplog.at_level(logging.INFO, LOG):
        answer = client.post("/setup", json=SETUP | {"schema": odd})

    assert answer.json() == {"model_version": "small-1", "notes": notes}
    assert vars(caplog.records[0])["facts"] == {"notes": notes}
    assert "secret" not in caplog.text


def test_the_config_may_come_by_its_other_name(client: TestClient) -> None:
    answer = client.post("/setup", json={"project": "1", "label_config": CONFIG})

    assert answer.status_code == 200


def test_a_config_that_cannot_be_answered_is_refused_in_one_line(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, LOG):
        answer = client.post("/setup", json=SETUP | {"schema": "<View>"})

    assert answer.status_code == 400
    assert caplog.records[0].levelname == "WARNING"
    assert vars(caplog.records[0])["facts"] == {"line": answer.json()["error"]}
    assert answer.json() == {
        "error": "labelling config: not XML: no element found: line 1, column 6"
    }


def test_tasks_are_answered_in_their_order_and_refusals_stand_between(client: TestClient) -> None:
    answer = predict(client, task(1), task(2, "/etc/passwd"), task(3, drafts=[]), "four")

    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [set(one) for one in results] == [
        {"result", "score", "model_version", "scores", "notes"},
        {"error"},
        {"result", "score", "model_version", "scores", "notes"},
        {"error"},
    ]
    assert results[1]["error"].startswith("task 2: the image's address is of no known kind; ")
    assert results[3]["error"] == "task: input should be a valid dictionary or instance of Task"
    assert "/etc" not in answer.text


def test_results_are_what_label_studio_reads(client: TestClient) -> None:
    (found,) = predict(client, task(1)).json()["results"]

    tags, *masks = found["result"]
    assert (
        tags.items()
        >= {
            "type": "choices",
            "from_name": "tags",
            "to_name": "image",
            "original_width": 53,
            "original_height": 37,
            "image_rotation": 0,
            "value": {"choices": ["cow", "dog"]},
        }.items()
    )
    for mask, name in zip(masks, ("cow", "dog"), strict=True):
        assert (mask["type"], mask["from_name"], mask["to_name"]) == (
            "brushlabels",
            "masks",
            "image",
        )
        assert mask["value"].keys() == {"format", "rle", "brushlabels"}
        assert mask["value"]["format"] == "rle"
        assert mask["value"]["brushlabels"] == [name]
        assert decode_brush(mask["value"]["rle"], SIZE).any()


def test_the_labelling_page_gets_results_even_of_a_refusal(client: TestClient) -> None:
    context = {"result": [{"from_name": "tags", "value": {"choices": ["dog"]}}]}

    (found,) = predict(client, task(1), context=context).json()["results"]
    (refused,) = predict(client, task(2, ""), context=context).json()["results"]

    assert [one["value"]["brushlabels"] for one in found["result"]] == [["dog"]]
    assert refused.keys() == {"error", "result"}
    assert refused["result"] == []


def test_no_task_is_no_result(client: TestClient) -> None:
    assert predict(client).json() == {"results": []}


def test_an_event_is_accepted_and_trains_nothing(client: TestClient) -> None:
    answer = client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 1}})

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "result": "nothing is trained here; train with: decouplednet train",
    }


@pytest.mark.parametrize(
    ("path", "body", "line"),
    [
        ("/predict", "{}", "tasks: field required"),
        ("/predict", '{"tasks": 3, "label_config": ""}', "tasks: input should be a valid list"),
        ("/setup", '{"project": "1"}', "schema: field required"),
        ("/webhook", "[]", "input should be a valid dictionary"),
        ("/predict", "{", "its body is no JSON"),
    ],
)
def test_a_request_of_another_form_is_refused_in_one_line(
    client: TestClient, path: str, body: str, line: str
) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert answer.json() == {"error": line}


def test_other_addresses_are_refused_in_one_line(client: TestClient) -> None:
    paths = "GET /health, GET /versions, POST /setup, POST /predict, POST /webhook"

    missing, wrong = client.get("/openapi.json"), client.get("/predict")

    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert missing.json() == {"error": f"there is nothing here; expected one of {paths}"}
    assert wrong.json() == {"error": f"another method; expected one of {paths}"}


def test_a_fault_of_the_server_is_one_line(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(Backend, "project", broken)

    answer = client.post("/setup", json=SETUP, headers={"X-Request-ID": "n1"})

    assert answer.status_code == 500
    assert answer.json() == {"error": "a fault of the server, logged as n1"}
    assert answer.headers["X-Request-ID"] == "n1"


def test_the_token_is_asked_for_everywhere(backend: Backend) -> None:
    token = "0123456789abcdef"  # noqa: S105 (of this test)
    with TestClient(make_app(backend, token=token)) as client:
        for method, path in (("GET", "/health"), ("POST", "/predict"), ("GET", "/none")):
            assert client.request(method, path).status_code == 401
        assert client.get("/health", auth=("label-studio", token)).status_code == 200


def test_requests_take_turns_and_the_server_says_that_it_is_there_meanwhile(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    at_once, most = 0, 0

    def slow(*_: object) -> Refusal:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        begun.set()
        assert go_on.wait(30)
        at_once -= 1
        return Refusal(error="slow")

    monkeypatch.setattr(Backend, "answer", slow)
    with (
        TestClient(make_app(backend, most_waiting=1)) as client,
        ThreadPoolExecutor(3) as pool,
    ):
        first = [pool.submit(predict, client, task(1))]
        assert begun.wait(30)
        assert client.get("/health").status_code == 200
        others = [pool.submit(predict, client, task(2)) for _ in range(2)]
        turned_away = next(one for one in _as_they_end(others))
        go_on.set()
        statuses = sorted(one.result().status_code for one in [*first, *others])

    assert statuses == [200, 200, 503]
    assert turned_away.json() == {"error": "busy with other requests; ask again later"}
    assert turned_away.headers["Retry-After"] == "10"
    assert most == 1


def _as_they_end(futures: Any) -> Iterator[Any]:
    from concurrent.futures import as_completed

    for each in as_completed(futures, timeout=30):
        yield each.result()


def test_nothing_is_computed_for_a_client_that_is_gone(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answered: list[Any] = []

    def answer(_: object, one: Any, *__: object) -> Refusal:
        answered.append(one)
        return Refusal(error="done")

    monkeypatch.setattr(Backend, "answer", answer)
    body = json.dumps({"tasks": [1, 2, 3], "label_config": CONFIG}).encode()
    messages = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        if len(messages) == 1 and not answered:
            await asyncio.Event().wait()  # until the first task is answered the client is there
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(_: object) -> None:
        """Nobody listens."""

    async def ask() -> None:
        await make_app(backend)(scope | {"headers": [JSON]}, receive, send)

    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b""}
    with caplog.at_level(logging.INFO, LOG):
        asyncio.run(ask())

    assert answered == [1]
    assert "client gone" in [record.message for record in caplog.records]


def test_a_prediction_is_the_same_in_json(client: TestClient, backend: Backend) -> None:
    (found,) = predict(client, task(1)).json()["results"]
    expected = backend.answer(task(1), backend.project(CONFIG), None)

    assert not isinstance(expected, Refusal)
    for one, other in zip(found["result"], expected.result, strict=True):
        assert one["value"] == other.value.model_dump()
    assert np.isclose(found["score"], expected.score)


def test_refusals_are_warnings_in_the_log(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, LOG):
        predict(client, task(1))
        predict(client, task(1), task(2, "/data/local-files/?d=none.png"))

    logged = [one for one in caplog.records if one.message == "predicted"]
    assert [one.levelname for one in logged] == ["INFO", "WARNING"]
    assert vars(logged[1])["facts"] == {
        "tasks": 2,
        "refused": ["task 2: there is no such local file below --images"],
        "notes": [],
    }
