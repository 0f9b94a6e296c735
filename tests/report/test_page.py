"""Which sections the page has, and what it says of a run's own files."""

from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest

from decouplednet.report.finished_run import read_run
from decouplednet.report.page import MISTAKES, page_parts, page_values
from tests.report.fake_run import MASKS, NAMES, VALIDATION, facts, fake_run, write_json


@pytest.mark.parametrize(
    ("scored", "pictured", "between"),
    [
        (True, True, "classes confusion tags groups examples activations maps"),
        (True, False, "classes confusion tags groups pictures"),
        (False, True, "activations maps"),
        (False, False, "pictures"),
    ],
)
def test_sections_come_in_their_order_where_there_is_something_to_show(
    scored: bool, pictured: bool, between: str
) -> None:
    anchors = [part.anchor for part in page_parts(scored=scored, pictured=pictured)]

    assert anchors == ["summary", "curves", *between.split(), "settings"]


def test_every_section_has_its_template_and_no_template_is_left_over() -> None:
    parts = [
        page_parts(scored=scored, pictured=pictured)
        for scored, pictured in product((True, False), repeat=2)
    ]
    templates = files("decouplednet.report") / "templates" / "parts"
    written = {path.name.removesuffix(".html") for path in templates.iterdir()}

    assert {part.anchor for each in parts for part in each} == written - {"legend"}


def test_the_values_are_those_of_the_run(tmp_path: Path) -> None:
    fake = fake_run(tmp_path)
    run = read_run(fake.run)

    values = page_values(run, {"run": run.result})

    said = dict(values["facts"])
    assert values["title"] == "run"
    assert said["Data set"] == str(fake.data)
    assert said["Classes"] == "3: cat, cow & calf, dog"
    assert (said["Images that gave tags"], said["Images that gave masks"]) == ("7", "2")
    assert said["Time"] == ("features: 4.0 s; stage 1, tags: 1 min 11 s; stage 2, masks: 3.2 s")
    assert said["Updates"] == "stage 1, tags: 40; stage 2, masks: 30"
    assert said["Computed on"] == "cpu, 32-true"
    assert values["overlapping"] == 0
    assert len(values["class_rows"]) == 1 + len(NAMES)
    assert len(values["mistakes"]) <= MISTAKES
    assert len(values["stages"]) == 2


def test_facts_that_a_run_does_not_have_are_left_out(tmp_path: Path) -> None:
    fake = fake_run(tmp_path)
    (fake.run / "metrics.json").write_text("{}")
    scarce = {**facts(fake.data), "commit": None, "versions": {}, "seconds": {}}
    del scarce["updates"]  # a run of an earlier version
    scarce["roles"]["tags"] = [*MASKS, VALIDATION[0]]
    write_json(fake.run / "run.json", scarce)
    run = read_run(fake.run)

    values = page_values(run, {"run": run.result})

    assert not {"Commit", "Versions", "Time", "Updates"} & set(dict(values["facts"]))
    assert values["overlapping"] == 1
    assert "class_rows" not in values
