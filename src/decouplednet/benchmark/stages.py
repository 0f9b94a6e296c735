"""What one image costs, stage by stage, for K identified classes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from decouplednet.annotations.images import read_image
from decouplednet.annotations.masks import write_mask
from decouplednet.benchmark.original import own_passes, passes_of
from decouplednet.benchmark.subject import Subject
from decouplednet.benchmark.timing import Work
from decouplednet.inference.fuse import fuse_class_maps, normalise
from decouplednet.networks.classification import Traced
from decouplednet.networks.precision import mixed_precision
from decouplednet.networks.saliency import class_saliency

T = TypeVar("T")

OF_IMAGES = ("read", "encoder", "head")
OF_CLASSES = ("f_cls", "bridge", "decoder")
STAGES = (*OF_IMAGES, *OF_CLASSES, "fuse", "write")
"""In the order in which an image goes through them."""


def _convolution_flop(
    x: Sequence[int],
    weight: Sequence[int],
    *more: object,
    out_shape: Sequence[int],
    **named: object,
) -> int:
    del more, named
    return int(conv_flop_count(list(x), list(weight), list(out_shape)))


def operations_of(work: Work) -> float:
    """Return the FLOP of convolutions and matrix products, a multiply-add counted as two."""
    fused = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)  # not where oneDNN is absent
    known = {} if fused is None else {fused: _convolution_flop}
    with FlopCounterMode(display=False, custom_mapping=known) as counter:
        work()
    return float(counter.get_total_flops())


def stages_of(subject: Subject, count: int, folder: Path) -> Mapping[str, Work]:
    """Return the stages of one image by name, each of which can be done again and again.

    Args:
        subject: whose network.
        count: K, classes that are identified; without one there is no stage of classes.
        folder: where a photograph is read, and a label map written.
    """
    photograph, label_map = folder / "photograph.jpg", folder / "label_map.png"
    pixels = subject.photograph()
    Image.fromarray(pixels).save(photograph, quality=90)
    frame, size = subject.frame, (pixels.shape[0], pixels.shape[1])
    passes, softmax = _of_classes(subject, count)

    def fuse() -> Tensor:
        maps = normalise(softmax[-1, 0], softmax[:count, 1]) if count else softmax
        restored = frame.restore(maps, frame.place(size))
        return fuse_class_maps(restored[0], restored[1:])

    labels = fuse().to(torch.uint8).cpu().numpy()
    head, encoder = subject.network.classifier.head, subject.network.classifier.encoder
    pool5 = _computed(subject, lambda: encoder.encode(subject.image))().pool5
    return {
        "read": lambda: frame.image(read_image(photograph)),
        "encoder": _computed(subject, lambda: encoder.encode(subject.image)),
        "head": _computed(subject, lambda: head.trace(pool5)),
        **passes,
        "fuse": fuse,
        "write": lambda: write_mask(label_map, np.ascontiguousarray(labels)),
    }


def _of_classes(subject: Subject, count: int) -> tuple[dict[str, Work], Tensor]:
    """Return the stages of class passes, and the (M, 2, side, side) softmax that they lead to.

    Without a class, no stage and the (1, side, side) map of background.
    """
    network, side = subject.network, subject.side
    if not count:
        return {}, torch.ones(1, side, side, device=subject.device)
    passes, present = own_passes(passes_of(count, subject.classes).to(subject.device))
    index = torch.zeros(len(passes), dtype=torch.int64, device=subject.device)
    traced: Traced = _computed(subject, lambda: network.see(subject.image))()
    weights = network.classifier.head.weights()
    seed = network.bridge.seed(traced.score.sigmoid(), passes)
    f_cls = _computed(subject, lambda: class_saliency(seed, index, traced.head, weights))
    saliency = f_cls()
    bridge = _computed(
        subject, lambda: network.bridge.activation(traced, index, seed, saliency, present)
    )
    g = bridge()
    decoder = _computed(subject, lambda: network.softmax(g, traced, index))
    return {"f_cls": f_cls, "bridge": bridge, "decoder": decoder}, decoder()


def _computed(subject: Subject, work: Callable[[], T]) -> Callable[[], T]:
    """Return work that is done as in prediction: without gradient, in the wanted precision."""

    def compute() -> T:
        with torch.inference_mode(), mixed_precision(subject.device, subject.precision):
            return work()

    return compute
