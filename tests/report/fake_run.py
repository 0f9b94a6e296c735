"""A run folder made by code: a tiny untrained network and ten small images in three classes."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.masks import write_mask
from decouplednet.classes import ClassList
from decouplednet.dataset.frame import torchvision_frame
from decouplednet.evaluation.evaluate import evaluate_records
from decouplednet.inference.model_folder import save_model
from decouplednet.inference.segmenter import Segmenter
from decouplednet.networks.decouplednet import freeze
from decouplednet.networks.presets import tiny
from decouplednet.settings import Settings

NAMES = ("cat", "cow & calf", "dog")
COLUMNS = ("stage", "epoch", "update", "loss", "learning_rate", "held_out_iou")
MASKED = tuple(f"masked/{number}" for number in range(5))
TAGGED = tuple(f"tagged_{number}" for number in range(5))
VALIDATION, MASKS = MASKED[:3], MASKED[3:]


@dataclass(frozen=True, slots=True)
class FakeRun:
    """Where the run and its data set lie."""

    run: Path
    data: Path


def fake_run(folder: Path) -> FakeRun:
    """Write a data set and the folder of a run on it."""
    fake = FakeRun(folder / "run", folder / "data")
    write_data(fake.data)
    torch.manual_seed(0)
    network = tiny(len(NAMES))
    freeze(network)
    segmenter = Segmenter(
        network, ClassList(NAMES), torchvision_frame(96), "tiny", {"others": "ignore"}
    )
    save_model(fake.run / "model", segmenter)
    (fake.run / "settings.toml").write_text(Settings(preset="tiny", side=96, seed=3).to_toml())
    write_json(fake.run / "run.json", facts(fake.data))
    write_curves(fake.run / "curves.csv", {"classifier": 50, "segmenter": 24})
    write_json(fake.run / "metrics.json", metrics(segmenter, fake.data))
    return fake


def facts(data: Path) -> dict[str, Any]:
    """Return what run.json holds."""
    return {
        "data": str(data),
        "seed": 3,
        "versions": {"decouplednet": "0.1.0", "torch": "2.13.0"},
        "commit": "0123456789ab",
        "classes": list(NAMES),
        "roles": {"tags": [*TAGGED, *MASKS], "masks": MASKS, "validation": VALIDATION},
        "device": "cpu",
        "precision": "32-true",
        "seconds": {"features": 4.0, "classifier": 71.3, "segmenter": 3.2},
        "updates": {"classifier": 40, "segmenter": 30},
    }


def metrics(segmenter: Segmenter, data: Path) -> dict[str, Any]:
    """Return what metrics.json holds."""
    catalogue = Catalogue.read(data)
    records = [catalogue.record(name) for name in VALIDATION]
    return {
        name: evaluate_records(segmenter.predictor(), catalogue, records, tags=tags).to_json()
        for name, tags in (("predicted_tags", False), ("true_tags", True))
    }


def write_data(root: Path) -> None:
    """Write the images: each class is a bright block on noise, at another place in each image."""
    rng = np.random.default_rng(0)
    rows = []
    for number, name in enumerate((*MASKED, *TAGGED)):
        labels = (1 + number % 3, 1 + (number + 1) % 3) if number % 2 else (1 + number % 3,)
        height, width = 40 + number, 70 - number
        image = rng.integers(0, 90, (height, width, 3), np.uint8)
        mask = np.zeros((height, width), np.uint8)
        for label in labels:
            top, left = (int(rng.integers(0, size - 20)) for size in (height, width))
            mask[top : top + 18, left : left + 15] = label
            image[mask == label, label - 1] += 150
        mask[:2] = 255
        path = root / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        if name in MASKED:
            (root / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
            write_mask(root / "masks" / f"{name}.png", mask)
        rows.append((name, ";".join(NAMES[label - 1] for label in labels)))
    (root / "classes.txt").write_text("\n".join(NAMES))
    with (root / "tags.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "tags"), *rows])


def write_curves(path: Path, updates: Mapping[str, int], falls: float = 3.0) -> None:
    """Write curves whose loss falls to exp(-falls), with the IoU of masks held out in the last."""
    rng = np.random.default_rng(1)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for stage, count in updates.items():
            for update in range(1, count + 1):
                loss = np.exp(-falls * update / count) * rng.uniform(0.8, 1.2)
                held_out = 0.1 * update / 10 if stage == "segmenter" and not update % 10 else ""
                rate = 5e-4 * (1 - update / count)
                table.writerow((stage, 0, update, f"{loss:.6g}", f"{rate:.6g}", held_out))


def write_json(path: Path, content: object) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content))
