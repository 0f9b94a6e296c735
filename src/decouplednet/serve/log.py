"""The server's log: one line of JSON for each event, with the number of the request."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

LOG = "decouplednet.serve"
"""Name of the logger."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered."""


class Lines(logging.Formatter):
    """Makes a line of JSON of an event: ``time``, ``level``, ``event``, ``request`` and its facts.

    What an event knows besides is in the attribute ``facts`` of its record. A fault has its trace
    in ``trace``; nothing ever breaks the line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of an event."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if (number := request_id.get()) is not None:
            line["request"] = number
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def tell(event: str, facts: dict[str, Any], level: int = logging.INFO) -> None:
    """Log an event.

    Args:
        event: what happened.
        facts: JSON values by their names.
        level: of the event.
    """
    logging.getLogger(LOG).log(level, event, extra={"facts": facts})


def settings(*, quiet: bool) -> dict[str, Any]:
    """Return how a process logs, as ``logging.config.dictConfig`` reads it: to standard error.

    Args:
        quiet: warnings and faults alone.
    """
    level = "WARNING" if quiet else "INFO"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": Lines}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "loggers": {
            LOG: {"handlers": ["lines"], "level": level, "propagate": False},
            # Of each start and stop it would say what is said in a line of ours.
            "uvicorn": {"handlers": ["lines"], "level": "WARNING", "propagate": False},
        },
    }
