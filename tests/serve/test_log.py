import json
import logging
import logging.config
import re

import pytest

from decouplednet.serve.log import LOG, Lines, request_id, settings, tell


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOG)
    caplog.handler.setFormatter(Lines())
    return caplog


def test_an_event_is_a_line_of_json_with_its_facts(lines: pytest.LogCaptureFixture) -> None:
    number = request_id.set("abc")
    tell("predicted", {"tasks": 3, "notes": ["two\nlines"]})
    request_id.reset(number)

    assert lines.text.count("\n") == 1
    line = json.loads(lines.text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert line == {
        "level": "info",
        "event": "predicted",
        "request": "abc",
        "tasks": 3,
        "notes": ["two\nlines"],
    }


def test_a_fault_has_its_trace_in_its_line(lines: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise RuntimeError("broken\u2028line")

    try:
        broken()
    except RuntimeError:
        logging.getLogger(LOG).exception("a task failed")

    assert len(lines.text.splitlines()) == 1
    line = json.loads(lines.text)
    assert (line["level"], line["event"]) == ("error", "a task failed")
    assert "request" not in line
    assert line["trace"].endswith("RuntimeError: broken\u2028line")


@pytest.mark.parametrize(("quiet", "told"), [(False, 3), (True, 2)])
def test_a_process_logs_lines_to_standard_error(
    quiet: bool, told: int, capfd: pytest.CaptureFixture[str]
) -> None:
    loggers = [logging.getLogger(name) for name in (LOG, "uvicorn")]
    before = [(one.handlers[:], one.level, one.propagate) for one in loggers]
    try:
        logging.config.dictConfig(settings(quiet=quiet))
        tell("predicted", {})
        tell("slow", {}, logging.WARNING)
        logging.getLogger("uvicorn.error").info("Started server process")
        logging.getLogger("uvicorn.error").error("a fault of uvicorn")
    finally:
        for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
            one.handlers, one.level, one.propagate = handlers, level, propagate
            one.setLevel(level)

    shown = capfd.readouterr()
    assert shown.out == ""
    assert [json.loads(line)["event"] for line in shown.err.splitlines()] == [
        "predicted",
        "slow",
        "a fault of uvicorn",
    ][3 - told :]
