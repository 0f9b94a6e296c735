"""Predict with an exported model: ``python predict.py IMAGE OUT.png [cat,dog]``.

The third word names the classes known to be in the image, which replace the model's own findings.
Needs numpy, Pillow and onnxruntime. What the files beside it hold, model.json says.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps


def load(folder: Path, name: str) -> Any:
    """Return a graph of a folder: a function from arrays by name to arrays by name."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
    names = [output.name for output in session.get_outputs()]
    return lambda given: dict(zip(names, session.run(None, given), strict=True))


class Model:
    """An exported model.

    Args:
        folder: with model.json.
        load: returns a graph of it.
    """

    def __init__(self, folder: Path, load: Any = load) -> None:
        self.card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.encoder, self.class_pass = load(folder, "encoder"), load(folder, "class_pass")

    def predict(self, image: Any, tags: Any = None) -> Any:
        """Return the (H, W) uint8 classes of an (H, W, 3) uint8 RGB image, 0 for background.

        Args:
            image: an array.
            tags: names of the classes known to be in it; None: the model decides.
        """
        card, classes = self.card, self.card["classes"]
        if not set(tags or ()) <= set(classes):
            raise ValueError(f"tags {', '.join(tags)}: the classes are {', '.join(classes)}")
        views = [(side, 1 - 2 * flip) for side in card["sides"] for flip in card["mirrored"]]
        seen = [self.encoder({"image": self.frame(image[:, ::step], side)}) for side, step in views]
        score = np.mean([one.pop("score") for one in seen], axis=0)
        calibrated = np.float32(card["slope"]) * score + np.float32(card["offset"])
        probability = (1 + np.tanh(calibrated / 2)) / 2  # the sigmoid, without an overflow
        found = probability[0] > np.float32(card["thresholds"])
        places = np.flatnonzero(found if tags is None else np.isin(classes, list(tags)))
        if not len(places):
            return np.zeros(image.shape[:2], np.uint8)
        alone = np.eye(len(classes), dtype=bool)[places]
        passes = np.vstack([alone, alone.any(axis=0)][: len(places)])  # the second: all together
        # By a soft veto each claims the more, the more probable it is; else all claim alike.
        claim = probability[0, places, None, None] ** (tags is None and card["veto"] == "soft")
        given = {"passes": passes, "probability": probability}
        maps = [self.maps(image, *pair, given, claim) for pair in zip(views, seen, strict=True)]
        return np.append(0, places + 1).astype(np.uint8)[np.mean(maps, axis=0).argmax(axis=0)]

    def frame(self, image: Any, side: int) -> Any:
        """Return an image as the encoder takes it, (1, 3, side, side) float32 in 0 to 255."""
        upright = Image.fromarray(np.array(image))
        content = upright.resize(placed(image, side)[::-1], Image.Resampling.BILINEAR)
        filled = np.full((side, side, 3), self.card["padding"], np.float32)
        filled[: content.height, : content.width] = np.array(content)
        return filled.transpose(2, 0, 1)[None]

    def maps(self, image: Any, view: Any, seen: Any, given: Any, claim: Any) -> Any:
        """Return the (K + 1, H, W) maps of background and the K classes asked for, in one view.

        Args:
            image: (H, W, 3).
            view: the side of its frame, and -1 where it was mirrored, else 1.
            seen: what the encoder made of that view.
            given: the passes, (M, L), and the probability, (1, L), for the class pass.
            claim: (K, 1, 1), what each class may claim; the largest of them all.
        """
        foreground = self.class_pass(given | seen)["foreground"]
        claimed = foreground[: len(claim)] * claim / claim.max()
        maps = np.concatenate([1 - foreground[-1:], claimed])
        maps[0] += maps.sum(axis=0) == 0  # what no map claims is background
        maps /= maps.sum(axis=0)
        for count, length in zip(placed(image, view[0]), image.shape, strict=False):
            maps = maps.swapaxes(1, 2)[..., :count] @ between(count, length)  # rows, then columns
        return maps[..., :: view[1]]


def placed(image: Any, side: int) -> Any:
    """Return the height and width of an image in a frame, from its top left corner."""
    return tuple(max(1, round(size * (side / max(image.shape[:2])))) for size in image.shape[:2])


def between(count: int, length: int) -> Any:
    """Return (count, length) weights that read count values between the centres of pixels."""
    at = (np.arange(length) + 0.5) * count / length - 0.5
    return np.stack([np.interp(at, np.arange(count), one) for one in np.eye(count)])


if __name__ == "__main__":
    if len(sys.argv) < 3 or not sys.argv[2].lower().endswith(".png"):  # others may change classes
        sys.exit("usage: python predict.py IMAGE OUT.png [cat,dog]")
    pixels = np.array(ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGB"))
    tags = sys.argv[3].split(",") if sys.argv[3:] else None
    Image.fromarray(Model(Path(__file__).parent).predict(pixels, tags)).save(sys.argv[2])
