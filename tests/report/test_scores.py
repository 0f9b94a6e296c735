"""The scores of one evaluation as the page reads them."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from decouplednet.report.scores import Scores
from tests.report.fake_run import NAMES, VALIDATION, fake_run


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an evaluation left under ``predicted_tags``."""
    fake = fake_run(tmp_path_factory.mktemp("run"))
    scores: dict[str, Any] = json.loads((fake.run / "metrics.json").read_text())["predicted_tags"]
    return scores


def test_scores_are_read_as_an_evaluation_writes_them(found: dict[str, Any]) -> None:
    scores = Scores.model_validate(found)

    assert scores.miou == found["miou"]
    assert tuple(scores.iou) == ("background", *NAMES)
    assert [list(row) for row in scores.confusion] == found["confusion"]
    assert [(size.least, size.below, size.objects) for size in scores.by_size] == [
        (size["from"], size["to"], size["objects"]) for size in found["by_size"]
    ]
    assert [each.name for each in scores.per_image] == list(VALIDATION)
    assert sum(each.images for each in scores.by_labels) == scores.images == 3


def test_keys_that_the_page_does_not_show_are_left_alone(found: dict[str, Any]) -> None:
    assert Scores.model_validate(found | {"of_tomorrow": 1}) == Scores.model_validate(found)


@pytest.mark.parametrize("confusion", [[[1] * 4] * 3, [[1] * 3] * 4, [[1] * 4] * 3 + [[1]]])
def test_a_confusion_that_is_not_square_is_refused(
    confusion: list[list[int]], found: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match="confusion must be 4 rows of 4, as iou has 4 names"):
        Scores.model_validate(found | {"confusion": confusion})
