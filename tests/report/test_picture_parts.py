"""Which images of a run the page shows, and what it makes of them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.errors import DataError
from decouplednet.report.finished_run import FinishedRun, read_run
from decouplednet.report.picture_parts import BEST_AND_WORST, picture_values
from tests.report.fake_run import NAMES, VALIDATION, facts, fake_run, write_json


def show(run: FinishedRun, progress: Callable[[Sequence[Any]], Iterable[Any]]) -> dict[str, Any]:
    return picture_values(run, data=None, device="cpu", progress=progress)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return read_run(fake_run(tmp_path_factory.mktemp("run")).run)


@pytest.fixture(scope="module")
def lists() -> list[int]:
    """How long each list was whose progress was told."""
    return []


@pytest.fixture(scope="module")
def values(run: FinishedRun, lists: list[int]) -> dict[str, Any]:
    def progress(items: Sequence[Any]) -> Iterable[Any]:
        lists.append(len(items))
        return items

    return show(run, progress)


def test_the_best_and_the_worst_are_those_of_the_scores(
    run: FinishedRun, values: dict[str, Any]
) -> None:
    scores = run.result.outcome.predicted_tags
    assert scores is not None
    ranked = sorted(scores.per_image, key=lambda each: each.miou or 0, reverse=True)
    shown = [each.name for each in (*values["best"], *values["worst"])]

    assert set(shown) <= set(VALIDATION)
    assert len(shown) == len(set(shown)) <= 2 * BEST_AND_WORST
    assert values["best"][0].name == ranked[0].name
    assert values["worst"][0].name == ranked[-1].name


def test_every_list_of_images_tells_its_progress(values: dict[str, Any], lists: list[int]) -> None:
    examples = len(values["best"]) + len(values["worst"])

    assert examples in lists
    assert len(values["class_maps"]) in lists
    assert len(lists) == 3


def test_images_with_most_classes_come_with_a_map_of_each(
    run: FinishedRun, values: dict[str, Any]
) -> None:
    catalogue = Catalogue.read(run.facts.data)
    counts = [len(catalogue.record(name).tags or ()) for name in VALIDATION]

    assert values["classes"] == NAMES
    assert max(len(each.maps) for each in values["class_maps"]) == max(counts) == 2


def test_images_that_no_longer_show_a_class_of_the_model_are_refused(tmp_path: Path) -> None:
    fake = fake_run(tmp_path)
    changed = facts(fake.data)
    changed["roles"] = {"tags": ["tagged_0"], "masks": [], "validation": []}
    write_json(fake.run / "run.json", changed)
    (fake.data / "tags.csv").write_text("image,tags\ntagged_0,\n")

    with pytest.raises(DataError, match=r"data: no image of the run shows a class of its model"):
        show(read_run(fake.run), iter)
