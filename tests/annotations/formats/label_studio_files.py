"""Exports of Label Studio for the tests, as its JSON has them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]

WIDTH, HEIGHT = 53, 37


def result(kind: str, value: Json, *names: str, **more: object) -> Json:
    """Return a region that was drawn on 53 x 37 pixels."""
    return {
        "id": f"r{len(json.dumps(value))}",
        "type": kind,
        "value": {**value, kind: list(names)},
        "from_name": "label",
        "to_name": "image",
        "image_rotation": 0,
        "original_width": WIDTH,
        "original_height": HEIGHT,
        **more,
    }


def polygon(name: str, *corners: tuple[float, float]) -> Json:
    """Return a polygon whose corners are pixels."""
    points = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in corners]
    return result("polygonlabels", {"points": points, "closed": True}, name)


def choice(*names: str) -> Json:
    """Return the choices of an image."""
    return {
        "id": "choice",
        "type": "choices",
        "value": {"choices": list(names)},
        "from_name": "choice",
        "to_name": "image",
    }


def annotation(results: Sequence[Json] | None, hour: int = 3, who: int = 1, **more: object) -> Json:
    """Return an annotation that was last changed at an hour."""
    return {
        "id": 22,
        "completed_by": who,
        "result": results,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2024-01-30T02:40:43.893565Z",
        "updated_at": f"2024-01-30T{hour:02d}:40:43.893578Z",
        **more,
    }


def task(
    number: int,
    annotations: Sequence[Json],
    image: str = "/data/upload/3/0a1b2c3d-cow.jpg",
    **more: object,
) -> Json:
    """Return a task, in the order of keys in which Label Studio writes it."""
    return {
        "id": number,
        "annotations": list(annotations),
        "file_upload": image.rpartition("/")[2],
        "drafts": [],
        "predictions": [],
        "data": {"image": image},
        "project": 3,
        **more,
    }


def write(path: Path, tasks: object) -> Path:
    """Write an export."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tasks, indent=2), encoding="utf-8")
    return path
