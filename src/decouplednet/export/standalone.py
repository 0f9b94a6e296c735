"""Predict with an exported model: ``python predict.py IMAGE OUT.png [cat,dog]``.

The third word names the classes known to be in the image, which replace the model's own findings.
Needs numpy, Pillow, and onnxruntime or openvino. What the files beside it hold, model.json says.
"""

import json
import sys
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

Array = np.ndarray[Any, Any]
Graph = Callable[[dict[str, Array]], dict[str, Array]]


def load(folder: Path, name: str) -> Graph:
    """Return a graph of a folder, from arrays by name to arrays by name."""
    if (folder / f"{name}.onnx").exists():
        import onnxruntime

        session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
        names = [output.name for output in session.get_outputs()]
        return lambda given: dict(zip(names, session.run(None, given), strict=True))
    exactly = {"INFERENCE_PRECISION_HINT": "f32"}  # without it some processors round to bfloat16
    compiled = core().compile_model(folder / f"{name}.xml", "CPU", exactly)
    return lambda given: {output.any_name: value for output, value in compiled(given).items()}


@cache
def core() -> Any:
    """Return OpenVINO's core, one for all graphs.

    Each core gives the thread a stack for signals and puts the one before back when it ends: with
    two, that may be one that is gone, and the next signal ends the process.
    """
    import openvino

    return openvino.Core()


class Model:
    """An exported model.

    Args:
        folder: with model.json.
    """

    def __init__(self, folder: Path) -> None:
        self.card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.encoder, self.class_pass = load(folder, "encoder"), load(folder, "class_pass")

    def predict(self, image: Array, tags: Collection[str] | None = None) -> Array:
        """Return the (H, W) uint8 classes of an (H, W, 3) uint8 RGB image, 0 for background."""
        card, classes = self.card, self.card["classes"]
        if not set(tags or ()) <= set(classes):
            raise ValueError(f"tags {', '.join(tags or ())}: the classes are {', '.join(classes)}")
        views = [(side, mirrored) for side in card["sides"] for mirrored in card["mirrored"]]
        seen = [self.encoder({"image": self.frame(image, *view)}) for view in views]
        score = np.mean([one["score"][0] for one in seen], axis=0)
        probability = sigmoid(np.float32(card["slope"]) * score + np.float32(card["offset"]))
        found = probability > np.float32(card["thresholds"])
        asked = found if tags is None else np.isin(classes, list(tags))
        places = np.flatnonzero(asked)
        if not len(places):
            return np.zeros(image.shape[:2], np.uint8)
        every = np.vstack([np.eye(len(classes), dtype=bool)[places], asked])
        passes = every[: len(places) + (len(places) > 1)]  # each alone, then several together
        seed = passes * np.maximum(probability, np.float32(card["least_weight"]))
        given = {"seed": seed, "present": np.repeat(asked[None], len(passes), axis=0)}
        given["shown"] = np.repeat(~np.array([card["withheld"]]), len(passes), axis=0)
        soft = tags is None and card["veto"] == "soft"
        claim = probability[places] / probability[places].max() if soft else np.ones(len(places))
        maps = [
            self.maps(image, view, given | {name: one[name] for name in card["trace"]}, claim)
            for view, one in zip(views, seen, strict=True)
        ]
        winner = np.mean(maps, axis=0).argmax(axis=0)
        labels: Array = np.concatenate([[0], places + 1]).astype(np.uint8)[winner]
        return labels

    def frame(self, image: Array, side: int, mirrored: bool) -> Array:
        """Return an image as the network sees it, (1, 3, side, side) float32."""
        height, width = placed(image, side)
        upright = Image.fromarray(np.ascontiguousarray(image[:, ::-1] if mirrored else image))
        content = np.asarray(upright.resize((width, height), Image.Resampling.BILINEAR))
        levels = content[..., ["RGB".index(letter) for letter in self.card["channel_order"]]]
        filled = np.zeros((1, 3, side, side), np.float32)
        normed = (levels - np.float32(self.card["mean"])) / np.float32(self.card["deviation"])
        filled[0, :, :height, :width] = normed.transpose(2, 0, 1)
        return filled

    def maps(self, image: Array, view: Any, given: dict[str, Array], claim: Array) -> Array:
        """Return the (K + 1, H, W) maps of background and the K classes asked for, in one view."""
        scores = self.class_pass(given)["map_scores"]
        foreground = sigmoid(scores[:, 1] - scores[:, 0])
        claimed = foreground[: len(claim)] * claim[:, None, None]
        maps = np.concatenate([1 - foreground[-1:], claimed])
        maps[0, maps.sum(axis=0) == 0] = 1
        height, width = placed(image, view[0])
        restored = resized((maps / maps.sum(axis=0))[:, :height, :width], image.shape)
        return restored[..., ::-1] if view[1] else restored


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), without an overflow."""
    return (1 + np.tanh(x / 2)) / 2


def placed(image: Array, side: int) -> tuple[int, int]:
    """Return the height and width of an image in a frame, from its top left corner."""
    scale = side / max(image.shape[:2])
    return max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))


def resized(maps: Array, size: tuple[int, ...]) -> Array:
    """Return (K, h, w) maps at (H, W), read between the centres of pixels."""
    for axis, length in ((1, size[0]), (2, size[1])):
        count = maps.shape[axis]
        at = np.maximum((np.arange(length) + 0.5) * (count / length) - 0.5, 0)
        low = np.minimum(at.astype(int), count - 1)
        below, above = maps.take(low, axis), maps.take(np.minimum(low + 1, count - 1), axis)
        maps = below + (above - below) * (at - low).reshape((-1, 1) if axis == 1 else -1)
    return maps


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python predict.py IMAGE OUT.png [cat,dog]")
    with Image.open(sys.argv[1]) as picture:
        pixels = np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    tags = sys.argv[3].split(",") if len(sys.argv) > 3 else None
    Image.fromarray(Model(Path(__file__).parent).predict(pixels, tags)).save(sys.argv[2])
