from pathlib import Path

import numpy as np
import pytest
import torch

from decouplednet.classes import ClassList
from decouplednet.dataset.frame import Frame
from decouplednet.dataset.masked import MaskedImages
from decouplednet.dataset.mixed import MixedExample, MixedImages
from decouplednet.stage_settings import AugmentationSettings, SegmenterSettings
from tests.dataset.pictures import noise, record

CLASSES = ClassList(("cat", "cow"))


def _images(folder: Path, name: str, label: int, count: int) -> MaskedImages:
    folder.mkdir()
    mask = np.zeros((9, 11), np.uint8)
    mask[2:6, 3:7] = label
    plain = AugmentationSettings(flip=False, smallest_scale=1, colour=0)
    return MaskedImages(
        [record(folder, f"{name}{i}", noise(i, 9, 11), mask=mask) for i in range(count)],
        source=CLASSES,
        classes=CLASSES,
        others="ignore",
        masked=CLASSES,
        frame=Frame(side=11, channel_order="RGB", mean=(0, 0, 0), deviation=(1, 1, 1)),
        settings=SegmenterSettings(window_share=0, augmentation=plain),
        seed=0,
    )


def _is_drawn(example: MixedExample) -> bool:
    return bool((example.example.mask == 1).any())


@pytest.mark.parametrize("share", [0.25, 0.3, 0.5])
def test_a_fixed_share_of_the_examples_has_drawn_masks(tmp_path: Path, share: float) -> None:
    drawn, pseudo = _images(tmp_path / "a", "a", 1, 2), _images(tmp_path / "b", "b", 2, 5)
    mixed = MixedImages(drawn, pseudo, drawn_share=share, pseudo_weight=0.5)

    examples = [mixed[draw] for draw in range(40)]

    assert sum(map(_is_drawn, examples)) == int(40 * share)
    for example in examples:
        assert float(example.weight) == (1.0 if _is_drawn(example) else 0.5)


def test_each_stream_is_met_in_its_own_order_without_a_gap(tmp_path: Path) -> None:
    drawn, pseudo = _images(tmp_path / "a", "a", 1, 3), _images(tmp_path / "b", "b", 2, 4)
    mixed = MixedImages(drawn, pseudo, drawn_share=0.4, pseudo_weight=1.0)
    examples = [mixed[draw] for draw in range(20)]

    for stream, is_drawn in ((drawn, True), (pseudo, False)):
        met = [one.example.image for one in examples if _is_drawn(one) is is_drawn]
        assert len(met) == (8 if is_drawn else 12)
        for place, image in enumerate(met):
            assert torch.equal(image, stream[place].image)
