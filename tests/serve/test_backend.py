import logging
from typing import Any

import numpy as np
import pytest

from decouplednet.annotations.writers.brush import decode_brush
from decouplednet.errors import DataError
from decouplednet.inference.predictor import Predictor
from decouplednet.inference.segmenter import Segmenter
from decouplednet.serve.backend import Backend
from decouplednet.serve.log import LOG
from decouplednet.serve.protocol import Answer, BrushValue, ChoicesValue, Refusal
from tests.inference.small import answer
from tests.serve.conftest import CONFIG, POLYGONS, SIZE, noise

A = "/data/local-files/?d=a.png"


def answered(backend: Backend, task: Any, config: str = CONFIG, context: Any = None) -> Answer:
    found = backend.answer(task, backend.project(config), context)
    assert isinstance(found, Answer), found
    return found


def refused(backend: Backend, task: Any, context: Any = None) -> Refusal:
    found = backend.answer(task, backend.project(CONFIG), context)
    assert isinstance(found, Refusal)
    return found


def masks(found: Answer) -> dict[str, Any]:
    return {
        region.value.brushlabels[0]: decode_brush(region.value.rle, SIZE) > 0
        for region in found.result
        if isinstance(region.value, BrushValue)
    }


def choices(found: Answer) -> list[str] | None:
    values = [one.value.choices for one in found.result if isinstance(one.value, ChoicesValue)]
    return values[0] if values else None


def drawn(*names: str) -> list[dict[str, Any]]:
    return [{"type": "choices", "from_name": "tags", "value": {"choices": list(names)}}]


def test_a_task_is_answered_with_what_the_model_predicts(
    backend: Backend, segmenter: Segmenter
) -> None:
    found = answered(backend, {"id": 7, "data": {"image": A}})

    expected = segmenter.predict(noise(0))
    assert choices(found) == ["cow", "dog"]
    assert set(masks(found)) == {"cow", "dog"}
    for name, mask in masks(found).items():
        index = segmenter.classes.index(name)
        assert np.array_equal(mask, expected.label_map == index)
        assert mask.any()
    assert found.model_version == "small-1"
    assert found.scores == pytest.approx(dict(expected.scores))
    # Least sure of cow, which is more likely there than not; cat is likely not there.
    assert found.score == pytest.approx(expected.scores["cow"])
    assert 0.5 < found.score < 1 - expected.scores["cat"]
    assert found.notes == []


@pytest.mark.parametrize("kind", ["annotations", "drafts"])
def test_choices_made_on_a_task_replace_the_gate(
    kind: str, backend: Backend, segmenter: Segmenter
) -> None:
    task = {"id": 7, "data": {"image": A}, kind: [{"result": drawn("cat")}]}

    found = answered(backend, task)

    expected = segmenter.predict(noise(0), tags={"cat"})
    assert choices(found) == ["cat"]
    assert set(masks(found)) == {"cat"}
    assert np.array_equal(masks(found)["cat"], expected.label_map == 1)
    assert found.score == pytest.approx(expected.scores["cow"])


def test_choices_that_are_no_class_are_noted_and_leave_background(backend: Backend) -> None:
    task = {"data": {"image": A}, "drafts": [{"result": drawn("none")}]}

    found = answered(backend, task)

    assert found.result == []
    assert found.notes == ["choice 'none' is no class of the model and gates nothing"]


def test_the_labelling_page_gets_masks_alone(backend: Backend) -> None:
    found = answered(backend, {"data": {"image": A}}, context={"result": drawn("dog")})

    assert choices(found) is None
    assert set(masks(found)) == {"dog"}


def test_a_labelling_page_where_nothing_is_drawn_gets_nothing(backend: Backend) -> None:
    found = refused(backend, {"id": 7, "data": {"image": A}}, context={"result": []})

    assert found == Refusal(error="task 7: nothing is drawn with a smart tool", result=[])


def test_a_project_of_polygons_gets_polygons(backend: Backend) -> None:
    found = answered(backend, {"data": {"image": A}}, POLYGONS)

    assert {region.type for region in found.result} == {"choices", "polygonlabels"}
    assert any("smaller than 9 pixels left out" in note for note in found.notes)


def test_a_project_of_choices_gets_tags(backend: Backend) -> None:
    config = CONFIG.replace("BrushLabels", "RectangleLabels")

    found = answered(backend, {"data": {"image": A}}, config)

    assert [region.type for region in found.result] == ["choices"]


def test_the_address_is_read_from_the_field_of_the_config(backend: Backend) -> None:
    config = CONFIG.replace("$image", "$photograph")

    assert masks(answered(backend, {"data": {"image": 3, "photograph": A}}, config))


@pytest.mark.parametrize(
    ("task", "line"),
    [
        ("text", "task: input should be a valid dictionary or instance of Task"),
        ({"id": 3}, "task: data: field required"),
        (
            {"id": 3, "data": {}},
            "task 3: its data holds no address of an image at 'image'",
        ),
        (
            {"id": 3, "data": {"image": ["a"]}},
            "task 3: its data holds no address of an image at 'image'",
        ),
        (
            {"id": 3, "data": {"image": "/data/local-files/?d=none.png"}},
            "task 3: there is no such local file below --images",
        ),
        (
            {"id": 3, "data": {"image": "data:;base64,AAAA"}},
            "task 3: the image: not a readable image: its content is of no known image format",
        ),
    ],
)
def test_a_task_that_cannot_be_answered_is_refused_in_one_line(
    task: Any, line: str, backend: Backend
) -> None:
    assert refused(backend, task) == Refusal(error=line)
    assert refused(backend, task, context={}) == Refusal(error=line, result=[])


def test_a_fault_of_the_server_refuses_its_task_and_is_logged(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory in /home/me")

    monkeypatch.setattr(Predictor, "predict", broken)

    with caplog.at_level(logging.ERROR, LOG):
        found = refused(backend, {"id": 3, "data": {"image": A}})

    assert found.error == "task 3: a fault of the server, which its log tells of"
    assert "CUDA out of memory" in caplog.text


def test_a_config_without_classes_of_the_model_is_refused(backend: Backend) -> None:
    with pytest.raises(DataError, match=r"^labelling config: none of its labels"):
        backend.project(CONFIG.replace('value="c', 'value="x').replace("dog", "xog"))


def test_how_sure_the_model_is_counts_absent_classes_too(
    backend: Backend, segmenter: Segmenter
) -> None:
    answer(segmenter.network, (0.99, 0.45, 0.9))

    score = answered(backend, {"data": {"image": A}}).score

    assert score == pytest.approx(0.55, abs=1e-5)
