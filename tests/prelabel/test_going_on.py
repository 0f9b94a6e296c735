"""Calls that were stopped, and folders that something was changed in."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import decouplednet as dn
from decouplednet.errors import DataError
from decouplednet.inference.batches import batched
from decouplednet.inference.model_folder import load_model
from decouplednet.prelabel.labeller import Labeller
from tests.prelabel.conftest import Write, files, rows


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_written(
    write: Write, data: Path, tmp_path: Path
) -> None:
    (data / "images/c.png").write_bytes(b"no picture")

    made = write(to="coco")

    assert made.written == 3
    assert len(made.failures) == 1
    assert "images/c.png: not a readable image" in made.failures[0]
    content = json.loads((tmp_path / "out/coco/instances.json").read_text())
    assert [image["id"] for image in content["images"]] == [1, 3, 6]


def test_a_call_that_was_stopped_is_gone_on_with(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by Ctrl-C while the second batch is predicted."""
    calls, label = [0], Labeller.label

    def stopped(self: Labeller, images: Any, tags: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        return label(self, images, tags)

    monkeypatch.setattr(Labeller, "label", stopped)
    monkeypatch.setattr(batched, "__defaults__", (2,))
    with pytest.raises(KeyboardInterrupt):
        write(to="coco")
    out = tmp_path / "out"
    assert files(out) == ["classes.txt", "journal.jsonl", "masks/a.png", "masks/c.png"]
    untouched = (out / "masks/a.png").stat().st_mtime_ns

    made = write(to="coco", resume=True)

    assert (made.written, made.before) == (4, 2)
    assert (out / "masks/a.png").stat().st_mtime_ns == untouched
    stopped_and_gone_on = (out / "coco/instances.json").read_text()
    whole = write(to="coco", out=tmp_path / "whole")
    assert whole.before == 0
    assert (tmp_path / "whole/coco/instances.json").read_text() == stopped_and_gone_on
    assert (tmp_path / "whole/prelabels.csv").read_text() == (out / "prelabels.csv").read_text()


def test_a_mask_that_is_gone_is_made_anew(write: Write, tmp_path: Path) -> None:
    write()
    mask = tmp_path / "out/masks/d.png"
    before = mask.read_bytes()
    mask.unlink()

    assert write(resume=True).before == 3
    assert mask.read_bytes() == before


def test_an_image_whose_tags_were_changed_is_segmented_anew(
    write: Write, data: Path, tmp_path: Path
) -> None:
    write(hard=True)
    tags = (data / "tags.csv").read_text()
    (data / "tags.csv").write_text(tags.replace("a.png,dog", "a.png,cow"))

    made = write(hard=True, resume=True)

    assert made.before == 3
    (row,) = (row for row in rows(tmp_path / "out") if row["image"] == "a.png")
    assert row["classes"] == "background;cow"


def test_a_pre_label_of_an_image_that_got_a_mask_is_put_aside(
    write: Write, data: Path, tmp_path: Path
) -> None:
    write()
    Image.fromarray(np.zeros((37, 53), np.uint8)).save(data / "masks/a.png")

    made = write(resume=True)

    assert (made.written, made.masked) == (3, 2)
    assert "left_out/a.png" in files(tmp_path / "out")
    assert "masks/a.png" not in files(tmp_path / "out")
    assert {row["image"] for row in rows(tmp_path / "out")} == {"c.png", "d.png", "sub/b.jpg"}


def test_a_mask_that_was_damaged_stops_the_file_and_leaves_the_old_one(
    write: Write, tmp_path: Path
) -> None:
    write(to="coco")
    before = (tmp_path / "out/coco/instances.json").read_bytes()
    (tmp_path / "out/masks/d.png").write_bytes(b"no picture")

    with pytest.raises(DataError, match=r"masks/d\.png: .*; remove it, and go on with --resume$"):
        write(to="coco", resume=True)

    assert (tmp_path / "out/coco/instances.json").read_bytes() == before
    assert [name for name in files(tmp_path / "out") if name.endswith(".part")] == []


def test_a_folder_is_not_written_twice_and_not_by_another_model(
    write: Write, model: Path, tmp_path: Path
) -> None:
    write()
    with pytest.raises(DataError, match=r"out: holds pre-labels already; go on with them"):
        write()
    other = load_model(model)
    with torch.no_grad():
        next(other.network.parameters()).add_(1)
    with pytest.raises(DataError, match=r"journal\.jsonl: was begun with another model; go on as"):
        dn.write_prelabels(other, tmp_path / "data", out=tmp_path / "out", resume=True)
