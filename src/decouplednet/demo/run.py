"""The whole demo: make data, train on tags and masks, train on the masks alone, compare."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from decouplednet.annotations import roles
from decouplednet.annotations.files import write_atomically
from decouplednet.demo.compose import MASKS, TAGS, TEST, Composed, Sizes, compose
from decouplednet.demo.side_by_side import Job, train_side_by_side
from decouplednet.errors import DataError
from decouplednet.inference.devices import choose_device
from decouplednet.progress import bar
from decouplednet.report.write import write_report
from decouplednet.settings import DataSettings, Settings
from decouplednet.stage_settings import AugmentationSettings, ClassifierSettings, SegmenterSettings

DeviceName = Literal["auto", "cpu", "cuda"]

MASKS_ONLY = "the masked images only"


@dataclass(frozen=True, slots=True)
class Demo:
    """A finished demo.

    Args:
        report: the page about the run.
        result: the file ``demo.json``.
        scores: what ``demo.json`` holds.
    """

    report: Path
    result: Path
    scores: dict[str, Any]


def demo_settings(seed: int) -> Settings:
    """Return the settings of the demo: minutes on two processor cores, fixed beforehand.

    Args:
        seed: fixes every choice of the training.
    """
    augmentation = AugmentationSettings(smallest_scale=0.8)
    return Settings(
        preset="tiny",
        seed=seed,
        data=DataSettings(tags_split=TAGS, masks_split=MASKS, validation_split=TEST),
        classifier=ClassifierSettings(
            updates=1600,
            images_per_update=16,
            learning_rate=1e-3,
            dropout=0.0,
            largest_class_weight=1.0,
            augmentation=augmentation,
        ),
        segmenter=SegmenterSettings(
            updates=800, images_per_update=8, learning_rate=4e-3, augmentation=augmentation
        ),
    )


def masks_only(settings: Settings) -> Settings:
    """Return the same settings with tags of the masked images only: what the tags are worth."""
    return settings.model_copy(update={"data": roles.masks_only(settings.data)})


def on_device(settings: Settings, device: DeviceName) -> Settings:
    """Return the same settings for computing on a device."""
    compute = settings.compute.model_copy(update={"device": device})
    return settings.model_copy(update={"compute": compute})


def run_demo(
    out: Path,
    *,
    seed: int = 0,
    sizes: Sizes | None = None,
    settings: Settings | None = None,
    device: DeviceName = "auto",
    started: float | None = None,
    progress: bool = False,
) -> Demo:
    """Make the data, train with and without the tags beyond the masks, report and compare.

    Args:
        out: folder for everything; it must not be there, or be empty.
        seed: fixes the data and the training.
        sizes: how much data is made.
        settings: of both runs; None: ``demo_settings(seed)``.
        device: where both runs and the pictures of the report are computed.
        started: ``time.perf_counter()`` when the demo began, for the seconds it took; None: now.
        progress: show bars.

    Raises:
        DataError: ``out`` is in use or cannot be written.
        DeviceError: the device is absent.
        TrainingError: a training had to stop.
    """
    started = time.perf_counter() if started is None else started
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: not an empty folder; choose another --out")
    settings = on_device(settings or demo_settings(seed), device)
    choose_device(device)
    composed = compose(
        out / "data", seed=seed, sizes=sizes, progress=bar("images", quiet=not progress)
    )
    run = Job(out / "run", settings, progress)
    baseline = Job(out / "masks-only", masks_only(settings))
    with_tags, without = train_side_by_side(composed.root, [run, baseline])
    report = write_report(
        run.out,
        comparison={MASKS_ONLY: baseline.out},
        device=device,
        progress=bar("pictures", quiet=not progress),
    )
    scores = _scores(with_tags, without, composed, seed, time.perf_counter() - started)
    result = out / "demo.json"
    write_atomically(result, (json.dumps(scores, indent=2) + "\n").encode())
    return Demo(report, result, scores)


def _scores(
    with_tags: Mapping[str, Any],
    without: Mapping[str, Any],
    composed: Composed,
    seed: int,
    seconds: float,
) -> dict[str, Any]:
    """Return the content of ``demo.json``: the promised keys first, then what explains them."""
    predicted, masks_only = with_tags["predicted_tags"], without["predicted_tags"]
    return {
        "miou": predicted["miou"],
        "miou_masks_only": masks_only["miou"],
        "gain_over_masks_only": predicted["miou"] - masks_only["miou"],
        "seconds_after_install": round(seconds, 1),
        "seed": seed,
        "miou_true_tags": with_tags["true_tags"]["miou"],
        "miou_masks_only_true_tags": without["true_tags"]["miou"],
        "iou": predicted["iou"],
        "classes_averaged": predicted["classes_averaged"],
        "tagged_images": len(composed.tagged),
        "masked_images": len(composed.masked),
        "test_images": len(composed.test),
    }
