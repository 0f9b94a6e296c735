"""The whole way with a real Label Studio: tasks in, predictions on them, corrections out."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from decouplednet.annotations.writers.brush import decode_brush, encode_brush
from decouplednet.classes import ClassList
from decouplednet.inference.model_folder import load_model, save_model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.presets import preset_named
from decouplednet.serve.label_studio import LabelStudio
from tests.inference.small import NAMES, small_frame
from tests.networks.small import paper_parts
from tests.serve.conftest import CONFIG, SIZE, noise
from tests.serve.real_label_studio import LABEL_STUDIO, LEGACY, Api, backend, label_studio

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3000),
    pytest.mark.skipif(
        not LABEL_STUDIO.exists(),
        reason="run make label-studio, or set DECOUPLEDNET_LABEL_STUDIO to its command",
    ),
]
TOKEN = "0123456789abcdef"  # noqa: S105 (of these tests)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the tests share.

    Args:
        api: of Label Studio.
        project: its number.
        backend: number of our backend there.
        tasks: field of the data that holds the image, to the task.
        segmenter: the model of the backend.
    """

    api: Api
    project: int
    backend: int
    tasks: dict[str, int]
    segmenter: Segmenter


def write_model(folder: Path) -> Path:
    """Write an untrained model that finds classes and background in noise."""
    torch.manual_seed(0)
    network = preset_named("tiny").build(len(NAMES))
    _, decoder = paper_parts(network)
    nn.init.normal_(decoder.score.weight)
    nn.init.normal_(network.classifier.head.score.weight, std=1.0)
    training = {"others": "ignore"}
    save_model(folder, Segmenter(network, ClassList(NAMES), small_frame(96), "tiny", training))
    return folder


def png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("label-studio")
    images = folder / "images"
    images.mkdir()
    (images / "local.png").write_bytes(png(noise(2)))
    model = write_model(folder / "model")
    with label_studio(folder, images) as api, backend(model, images, api, TOKEN, LEGACY) as address:
        about = {"title": "tags and masks", "label_config": CONFIG}
        project = api.call("POST", "/api/projects", about)["id"]
        api.upload(project, {"first.png": png(noise(0)), "second.png": png(noise(1))})
        local = [{"image": f"/data/local-files/?d={name}.png"} for name in ("local", "none")]
        api.call("POST", f"/api/projects/{project}/import", local)
        connection = {
            "project": project,
            "url": address,
            "title": "decouplednet",
            "is_interactive": True,
            "auth_method": "BASIC_AUTH",
            "basic_auth_user": "label-studio",
            "basic_auth_pass": TOKEN,
        }
        connected = api.call("POST", "/api/ml", connection)
        assert connected["readable_state"] == "Connected"
        yield Setting(api, project, connected["id"], tasks_of(api, project), load_model(model))


def tasks_of(api: Api, project: int) -> dict[str, int]:
    """Return the number of each task by the stem of its image."""
    found = api.call("GET", f"/api/tasks?project={project}&fields=all")["tasks"]
    return {
        task["data"]["image"].rpartition("/")[2].rpartition("-")[2].rpartition("=")[2][:-4]: task[
            "id"
        ]
        for task in found
    }


def act(setting: Setting, action: str) -> None:
    """Do what the Data Manager does to all tasks."""
    path = f"/api/dm/actions?id={action}&project={setting.project}"
    setting.api.call("POST", path, {"selectedItems": {"all": True, "excluded": []}})


def predictions(setting: Setting) -> dict[int, list[dict[str, Any]]]:
    """Return the results predicted for each task that has a prediction."""
    path = f"/api/predictions?project={setting.project}"
    found = setting.api.call("GET", path)
    assert len({one["task"] for one in found}) == len(found)
    return {one["task"]: one["result"] for one in found}


def masks(result: list[dict[str, Any]]) -> dict[str, NDArray[np.bool_]]:
    return {
        one["value"]["brushlabels"][0]: decode_brush(one["value"]["rle"], SIZE) > 0
        for one in result
        if one["type"] == "brushlabels"
    }


def tags(result: list[dict[str, Any]]) -> list[str]:
    return [name for one in result if one["type"] == "choices" for name in one["value"]["choices"]]


def chosen(*names: str) -> list[dict[str, Any]]:
    where = {"id": "tags", "type": "choices", "from_name": "tags", "to_name": "image"}
    return [where | {"value": {"choices": list(names)}}]


def check(
    result: list[dict[str, Any]], setting: Setting, seed: int, given: set[str] | None
) -> None:
    """Compare a prediction with what the model says of the noise itself."""
    expected = setting.segmenter.predict(noise(seed), given)
    classes = setting.segmenter.classes
    drawn = masks(result)
    assert drawn, "nothing to compare"
    assert set(drawn) == {
        name for name in expected.identified if (expected.label_map == classes.index(name)).any()
    }
    for name, mask in drawn.items():
        assert np.array_equal(mask, expected.label_map == classes.index(name)), name


def test_predictions_of_uploads_and_local_files_lie_on_their_tasks(setting: Setting) -> None:
    act(setting, "delete_tasks_predictions")
    act(setting, "retrieve_tasks_predictions")

    found = predictions(setting)
    for name, seed in (("first", 0), ("second", 1), ("local", 2)):
        result = found.pop(setting.tasks[name])
        check(result, setting, seed, None)
        assert tags(result) == list(setting.segmenter.predict(noise(seed)).identified)
    assert found == {}, "a task without an image has no prediction, and the others have theirs"


def test_a_draft_with_choices_gates_what_the_labelling_page_asks_for(setting: Setting) -> None:
    task = setting.tasks["first"]
    draft = {"result": chosen("cat", "dog"), "lead_time": 1.0}
    path = f"/api/tasks/{task}/drafts?project={setting.project}"
    number = setting.api.call("POST", path, draft)["id"]
    ask = f"/api/ml/{setting.backend}/interactive-annotating"
    point = {"type": "keypointlabels", "from_name": "ask", "value": {"x": 20.5, "y": 37.2}}
    context = {"result": [point]}

    answer = setting.api.call("POST", ask, {"task": task, "context": context})
    missing = {"task": setting.tasks["none"], "context": context}
    refused = setting.api.call("POST", ask, missing)
    setting.api.call("PATCH", f"/api/drafts/{number}", {"result": []})

    check(answer["data"]["result"], setting, 0, {"cat", "dog"})
    assert tags(answer["data"]["result"]) == []
    assert refused["data"] == {
        "error": f"task {setting.tasks['none']}: there is no such local file below --images",
        "result": [],
    }


def test_choices_of_an_annotation_gate_the_next_predictions(setting: Setting) -> None:
    task = setting.tasks["second"]
    path = f"/api/tasks/{task}/annotations?project={setting.project}"
    number = setting.api.call("POST", path, {"result": chosen("dog")})["id"]

    act(setting, "delete_tasks_predictions")
    act(setting, "retrieve_tasks_predictions")
    result = predictions(setting)[task]
    setting.api.call("PATCH", f"/api/annotations/{number}", {"was_cancelled": True})

    check(result, setting, 1, {"dog"})
    assert tags(result) == ["dog"]


def test_a_corrected_mask_comes_out_of_the_export_as_it_was_drawn(setting: Setting) -> None:
    task = setting.tasks["local"]
    corrected = np.zeros(SIZE, np.bool_)
    corrected[5:30, 11:17] = True
    region = {
        "id": "corrected",
        "type": "brushlabels",
        "from_name": "masks",
        "to_name": "image",
        "original_width": SIZE[1],
        "original_height": SIZE[0],
        "image_rotation": 0,
        "value": {"format": "rle", "rle": encode_brush(corrected), "brushlabels": ["cow"]},
    }
    path = f"/api/tasks/{task}/annotations?project={setting.project}"
    setting.api.call("POST", path, {"result": [*chosen("cow"), region]})

    exported = setting.api.call("GET", f"/api/projects/{setting.project}/export?exportType=JSON")

    (result,) = (one["annotations"][0]["result"] for one in exported if one["id"] == task)
    assert tags(result) == ["cow"]
    assert list(masks(result)) == ["cow"]
    assert np.array_equal(masks(result)["cow"], corrected)


def test_uploads_are_fetched_with_a_personal_access_token_too(setting: Setting) -> None:
    personal = setting.api.call("POST", "/api/token/", {})["token"]
    tasks = setting.api.call("GET", f"/api/tasks?project={setting.project}&fields=all")["tasks"]
    (address,) = (one["data"]["image"] for one in tasks if one["id"] == setting.tasks["first"])

    content = LabelStudio(setting.api.address, personal).fetch(address)

    with Image.open(io.BytesIO(content)) as picture:
        assert np.array_equal(np.asarray(picture), noise(0))


def test_a_wrong_password_is_not_connected(setting: Setting) -> None:
    connections = setting.api.call("GET", f"/api/ml?project={setting.project}")
    wrong = {
        "project": setting.project,
        "url": connections[0]["url"],
        "auth_method": "BASIC_AUTH",
        "basic_auth_user": "label-studio",
        "basic_auth_pass": "wrong",
    }

    with pytest.raises(AssertionError, match="authentication parameters were either not provided"):
        setting.api.call("POST", "/api/ml", wrong)
