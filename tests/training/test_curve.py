"""The learning curve of a run."""

from pathlib import Path

import pytest
import torch

from decouplednet.networks.decouplednet import freeze
from decouplednet.training import segmenter as stage2
from decouplednet.training.curve import COLUMNS, read_curve
from decouplednet.training.stages import HELD_OUT_IOU, MaskStage
from tests.training.conftest import start


def test_a_file_that_is_absent_has_no_rows(tmp_path: Path) -> None:
    assert read_curve(tmp_path / "curves.csv") == []


def test_an_update_of_several_steps_is_one_row_with_the_mean_of_their_losses(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, plan, folder = start(
        shapes,
        tmp_path,
        *("segmenter.images_per_step=2", "segmenter.held_out=0.3", "segmenter.patience=9"),
        *("segmenter.schedule=steps", "segmenter.decay_every=2", "segmenter.warmup_updates=0"),
        *("segmenter.learning_rate=0.01",),
    )
    freeze(network.classifier)
    loss, losses = MaskStage.loss, []

    def watch(stage: MaskStage, batch: object) -> torch.Tensor:
        computed = loss(stage, batch)  # type: ignore[arg-type]  # three tensors
        losses.append(computed.item())
        return computed

    monkeypatch.setattr(MaskStage, "loss", watch)
    stage2.train_segmenter(network, plan, folder)
    rows = read_curve(folder.curves)

    assert [tuple(row) for row in rows] == [COLUMNS] * 3
    assert [(row["stage"], row["epoch"], row["update"]) for row in rows] == [
        ("segmenter", "0", "1"),
        ("segmenter", "0", "2"),
        ("segmenter", "1", "3"),
    ]
    means = [(one + other) / 2 for one, other in zip(losses[::2], losses[1::2], strict=True)]
    assert [float(row["loss"]) for row in rows] == pytest.approx(means, rel=1e-5)
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx([0.01, 0.01, 0.001])
    # Measured once an epoch.
    assert [bool(row[HELD_OUT_IOU]) for row in rows] == [False, True, True]
    assert all(0 <= float(row[HELD_OUT_IOU] or 0) <= 1 for row in rows)


def test_a_stage_that_starts_again_replaces_its_rows_and_keeps_those_of_the_other(
    shapes: Path, tmp_path: Path
) -> None:
    network, plan, folder = start(shapes, tmp_path)
    freeze(network.classifier)
    other = "classifier,0,8,0.5,0.01,"
    own = "segmenter,0,8,0.5,0.01,"
    folder.curves.write_text("\n".join([",".join(COLUMNS), other, own]) + "\n")

    stage2.train_segmenter(network, plan, folder)

    assert [(row["stage"], row["update"]) for row in read_curve(folder.curves)] == [
        ("classifier", "8"),
        *(("segmenter", str(update)) for update in (1, 2, 3)),
    ]
