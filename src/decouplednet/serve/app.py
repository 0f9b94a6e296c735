"""The application that speaks Label Studio's protocol of ML backends."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from decouplednet.errors import UserError
from decouplednet.serve.backend import Backend
from decouplednet.serve.border import Application, Border, fault_line
from decouplednet.serve.faults import first_in_words
from decouplednet.serve.limits import MOST_REQUEST_BYTES, MOST_WAITING
from decouplednet.serve.log import tell
from decouplednet.serve.protocol import (
    Answer,
    PredictAnswer,
    PredictRequest,
    Refusal,
    SetupAnswer,
    SetupRequest,
)
from decouplednet.serve.turns import Busy, Turns

if TYPE_CHECKING:
    from fastapi import FastAPI

NOTHING_TRAINED = "nothing is trained here; train with: decouplednet train"
PATHS = "GET /health, GET /versions, POST /setup, POST /predict, POST /webhook"


def make_app(
    backend: Backend,
    *,
    token: str | None = None,
    hosts: frozenset[str] | None = None,
    most_bytes: int = MOST_REQUEST_BYTES,
    most_waiting: int = MOST_WAITING,
) -> Application:
    """Return the application.

    Args:
        backend: what answers tasks.
        token: that requests must bring, see ``Border``; None: none.
        hosts: names by which the server may be called; None: any.
        most_bytes: of a request.
        most_waiting: requests that wait while one is computed; more are told to come back.
    """
    from fastapi import FastAPI

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _add_state(app, backend)
    _add_predictions(app, backend, Turns(most_waiting))
    _add_faults(app)
    return Border(app, token=token, hosts=hosts, most_bytes=most_bytes)


def _add_state(app: "FastAPI", backend: Backend) -> None:
    """Add what says that the server is there, and with which model."""

    @app.get("/")
    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "UP", "model_class": "decouplednet", "model_version": backend.version}

    @app.get("/versions")
    async def versions() -> dict[str, list[str]]:
        return {"versions": [backend.version]}

    @app.post("/setup")
    async def setup(asked: SetupRequest) -> SetupAnswer:
        notes = list(backend.project(asked.label_config).labels.notes)
        if notes:
            tell("setup", {"notes": notes})
        return SetupAnswer(model_version=backend.version, notes=notes)

    @app.post("/webhook")
    async def webhook(event: dict[str, Any]) -> dict[str, str]:
        tell("webhook", {"action": str(event.get("action"))[:100]})
        return {"status": "ok", "result": NOTHING_TRAINED}


def _add_predictions(app: "FastAPI", backend: Backend, turns: Turns) -> None:
    from fastapi import Request
    from fastapi.concurrency import run_in_threadpool

    @app.post("/predict", response_model_exclude_none=True)
    async def predict(asked: PredictRequest, request: Request) -> PredictAnswer:
        project = backend.project(asked.label_config)
        context = asked.params.context if asked.params else None
        results: list[Answer | Refusal] = []
        async with turns.turn():
            for task in asked.tasks:
                if await request.is_disconnected():
                    tell("client gone", {"answered": len(results), "tasks": len(asked.tasks)})
                    break
                results.append(await run_in_threadpool(backend.answer, task, project, context))
        _tell_predicted(results)
        return PredictAnswer(results=results)


def _tell_predicted(results: list[Answer | Refusal]) -> None:
    refusals = [one.error for one in results if isinstance(one, Refusal)]
    notes = dict.fromkeys(note for one in results if isinstance(one, Answer) for note in one.notes)
    facts = {"tasks": len(results), "refused": refusals, "notes": list(notes)}
    tell("predicted", facts, logging.WARNING if refusals else logging.INFO)


def _add_faults(app: "FastAPI") -> None:
    """Let every fault be an answer of one line."""
    from fastapi import Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse

    def refusal(status: int, line: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
        return JSONResponse({"error": line}, status, headers=headers)

    @app.exception_handler(UserError)
    async def refused(_: Request, fault: UserError) -> JSONResponse:
        tell("refused", {"line": str(fault)}, logging.WARNING)
        return refusal(400, str(fault))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, fault: RequestValidationError) -> JSONResponse:
        return refusal(422, first_in_words(fault.errors()))

    @app.exception_handler(404)
    async def unknown(_: Request, _fault: Exception) -> JSONResponse:
        return refusal(404, f"there is nothing here; expected one of {PATHS}")

    @app.exception_handler(405)
    async def wrong_method(_: Request, _fault: Exception) -> JSONResponse:
        return refusal(405, f"another method; expected one of {PATHS}")

    @app.exception_handler(Exception)
    async def faulty(_: Request, _fault: Exception) -> JSONResponse:
        return refusal(500, fault_line())

    @app.exception_handler(Busy)
    async def busy(_: Request, _fault: Busy) -> JSONResponse:
        return refusal(503, "busy with other requests; ask again later", {"Retry-After": "10"})
