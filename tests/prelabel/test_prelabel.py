"""Pre-labels as a whole: what lies in the folder, and what a stopped call leaves."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import decouplednet as dn
from decouplednet.annotations.catalogue import Catalogue
from decouplednet.annotations.masks import read_mask
from decouplednet.errors import DataError, DeviceError, ModelError
from decouplednet.inference import room as rooms
from decouplednet.inference.certainty import LeastCertainty
from decouplednet.inference.model_folder import load_model
from decouplednet.prelabel import job
from decouplednet.prelabel.disagreements import Veto
from decouplednet.prelabel.labeller import Labeller
from tests.prelabel.conftest import CLASSES, Write, files, rows

MASKS = ["masks/a.png", "masks/c.png", "masks/d.png", "masks/sub/b.png"]
COMMON = ["classes.txt", "journal.jsonl", *MASKS, "prelabels.csv", "vetoes.csv"]
OF_FORMAT = {
    "masks": ["tags.csv"],
    "coco": ["coco/instances.json"],
    "cvat": ["cvat/annotations.xml", "cvat/labels.json"],
    "label-studio": ["label-studio/config.xml", "label-studio/tasks.json"],
    "voc": [
        "voc/ImageSets/Segmentation/default.txt",
        *(
            f"voc/Segmentation{kind}/{name}.png"
            for kind in ("Class", "Object")
            for name in ("a", "c", "d", "sub/b")
        ),
        "voc/labelmap.txt",
    ],
}


@pytest.mark.parametrize("to", OF_FORMAT)
def test_the_folder_holds_masks_tables_and_the_files_of_the_format(
    write: Write, tmp_path: Path, to: str
) -> None:
    made = write(to=to)

    assert files(tmp_path / "out") == sorted([*COMMON, *OF_FORMAT[to]])
    assert (made.folder, made.written, made.before, made.under) == (tmp_path / "out", 4, 0, 0)
    assert (made.untagged, made.masked, made.unknown) == (1, 1, ("zebra",))
    assert (made.computed, made.failures) == ("float32", ())
    assert all(file.exists() for file in made.files)


def test_a_mask_is_what_the_model_says_under_the_tags_in_ids_of_the_data_set(
    write: Write, model: Path, data: Path, tmp_path: Path
) -> None:
    write()

    labeller = Labeller(load_model(model).predictor(), Catalogue.read(data).classes, Veto())
    for name, tags in {"a.png": ("dog",), "sub/b.jpg": ("cat", "cow"), "c.png": ()}.items():
        with Image.open(data / "images" / name) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        (expected,) = labeller.label([pixels], [tags])
        mask = read_mask((tmp_path / "out/masks" / name).with_suffix(".png"))
        assert mask.shape == pixels.shape[:2]
        np.testing.assert_array_equal(mask, expected.label_map)


def test_what_is_written_as_masks_is_a_data_set_beside_the_images(
    write: Write, data: Path, tmp_path: Path
) -> None:
    write(every=True)
    (tmp_path / "out/images").symlink_to(data / "images")

    catalogue = Catalogue.read(tmp_path / "out")

    assert catalogue.classes.names == CLASSES
    assert [record.mask is not None for record in catalogue.records] == [True] * 6
    assert catalogue.record("sub/b").tags == frozenset({"cat", "cow"})
    assert catalogue.record("f").tags is None
    assert all(catalogue.mask_of(record).size for record in catalogue.records)


def test_the_table_ranks_the_images_and_tells_of_each_class(write: Write, tmp_path: Path) -> None:
    write()

    table = rows(tmp_path / "out")
    confidences = [float(row["confidence"]) for row in table]
    assert confidences == sorted(confidences, reverse=True)
    assert len(set(confidences)) > 1
    assert {row["image"] for row in table} == {"a.png", "c.png", "d.png", "sub/b.jpg"}
    (row,) = (row for row in table if row["image"] == "d.png")
    assert row["classes"] == "background;cat;cow;zebra"
    of_class = [float(value) for value in row["confidences"].split(";")]
    assert float(row["confidence"]) == pytest.approx(sum(of_class) / 4, abs=1e-5)
    assert of_class[3] == 0
    assert (row["suggested"], row["unknown"], row["vetoed"]) == ("cat", "zebra", "")
    assert (row["written"], row["unsure"]) == ("yes", "0.0")


def test_every_disagreement_is_a_row(write: Write, tmp_path: Path) -> None:
    made = write()

    table = rows(tmp_path / "out", "vetoes.csv")
    told = {(row["image"], row["class"]): row["kind"] for row in table}
    assert told["a.png", "dog"] == "doubted"
    assert told["a.png", "cat"] == "suggested"
    assert told["a.png", "cow"] == "vetoed"
    assert told["d.png", "zebra"] == "unknown"
    assert ("sub/b.jpg", "cat") not in told or told["sub/b.jpg", "cat"] == "doubted"
    for kind, number in made.disagreements.items():
        assert number == sum(row["kind"] == kind for row in table)
    (suggested,) = (row for row in table if (row["image"], row["class"]) == ("a.png", "cat"))
    assert float(suggested["probability"]) == pytest.approx(0.97, abs=1e-4)
    share = (read_mask(tmp_path / "out/masks/a.png") == 2).mean()
    assert float(suggested["pixels"]) == pytest.approx(share, abs=1e-5)


def test_a_hard_veto_leaves_out_what_nobody_tagged(write: Write, tmp_path: Path) -> None:
    made = write(hard=True)

    assert made.disagreements["suggested"] == 0
    assert set(np.unique(read_mask(tmp_path / "out/masks/a.png"))) <= {0, 1}
    assert not read_mask(tmp_path / "out/masks/c.png").any()
    told = {
        (row["image"], row["class"]): row["kind"] for row in rows(tmp_path / "out", "vetoes.csv")
    }
    assert told["a.png", "cat"] == "vetoed"


def test_a_suggestion_may_be_asked_for_from_another_probability(write: Write) -> None:
    assert write(suggest_above=0.5).disagreements["vetoed"] == 0


def test_images_of_little_confidence_are_left_out_and_may_come_back(
    write: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write()
    ranked = rows(out)
    least = float(ranked[1]["confidence"])

    made = write(min_confidence=least, resume=True, to="coco")

    assert (made.written, made.under, made.before) == (2, 2, 4)
    assert [row["written"] for row in rows(out)] == ["yes", "yes", "no", "no"]
    kept = {Path(row["image"]).with_suffix(".png") for row in ranked[:2]}
    assert {
        Path(name).relative_to("masks") for name in files(out) if name.startswith("masks/")
    } == kept
    assert len([name for name in files(out) if name.startswith("left_out/")]) == 2
    content = json.loads((out / "coco/instances.json").read_text())
    assert {image["file_name"] for image in content["images"]} == {
        row["image"] for row in ranked[:2]
    }
    ids = {"a.png": 1, "c.png": 2, "d.png": 3, "sub/b.jpg": 6}
    assert all(image["id"] == ids[image["file_name"]] for image in content["images"])

    assert write(resume=True).written == 4
    assert [name for name in files(out) if name.startswith("masks/")] == MASKS
    assert not [name for name in files(out) if name.startswith("left_out/")]


def test_unsure_pixels_are_255_in_masks_and_a_label_of_their_own_in_tools(
    write: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write(certainty=0.4, to="voc")

    opened = {row["image"]: float(row["unsure"]) for row in rows(out)}
    assert any(opened.values())
    for name, share in opened.items():
        mask = read_mask((out / "masks" / name).with_suffix(".png"))
        assert (mask == 255).mean() == pytest.approx(share, abs=1e-5)
        of_voc = read_mask((out / "voc/SegmentationClass" / name).with_suffix(".png"))
        np.testing.assert_array_equal(of_voc, mask)
    assert "unsure:224,224,192::" in (out / "voc/labelmap.txt").read_text()
    write(certainty=0.4, to="voc", unsure="drop", resume=True)
    assert "unsure" not in (out / "voc/labelmap.txt").read_text()
    assert not any((read_mask(file) == 255).any() for file in (out / "voc").rglob("*.png"))


def test_a_certainty_of_each_class_is_taken(write: Write, model: Path, tmp_path: Path) -> None:
    nothing = LeastCertainty(0.0, {})
    write(certainty=nothing)

    assert {row["unsure"] for row in rows(tmp_path / "out")} == {"0.0"}
    with pytest.raises(DataError, match=r"was begun with certainty = \{'background': 0\.0\}, not"):
        write(certainty=LeastCertainty(0.0, {"cat": 0.5}), resume=True)


def test_a_class_called_unsure_is_refused_before_anything_is_written(
    write: Write, data: Path, tmp_path: Path
) -> None:
    (data / "classes.txt").write_text("dog\ncat\nzebra\ncow\nunsure\n")

    with pytest.raises(DataError, match="the class 'unsure' has the name that open pixels get"):
        write(certainty=0.5)

    assert not (tmp_path / "out").exists()
    assert write(certainty=0.5, unsure="drop").written == 4


def test_a_split_says_which_images(write: Write, tmp_path: Path) -> None:
    assert write(split="some").written == 2
    assert [name for name in files(tmp_path / "out") if name.startswith("masks/")] == [
        "masks/a.png",
        "masks/sub/b.png",
    ]


def test_overlays_are_pictures_of_the_images_with_a_legend(
    write: Write, data: Path, tmp_path: Path
) -> None:
    write()
    assert not (tmp_path / "out/overlays").exists()

    made = write(overlay=True, resume=True)

    assert made.before == 4
    assert [name for name in files(tmp_path / "out") if name.startswith("overlays/")] == [
        "overlays/a.jpg",
        "overlays/c.jpg",
        "overlays/d.jpg",
        "overlays/legend.svg",
        "overlays/sub/b.jpg",
    ]
    with Image.open(tmp_path / "out/overlays/sub/b.jpg") as shown:
        assert shown.size == (52, 38)
    assert "zebra" in (tmp_path / "out/overlays/legend.svg").read_text()


def test_large_images_are_seen_in_tiles(
    write: Write, model: Path, data: Path, tmp_path: Path
) -> None:
    write(tile=32, split="some", hard=True)

    with Image.open(data / "images/sub/b.jpg") as picture:
        told = load_model(model).predict(np.asarray(picture), tags={"cat", "cow"}, tile=32)
    expected = np.array([0, 2, 4], np.uint8)[told.label_map]
    np.testing.assert_array_equal(read_mask(tmp_path / "out/masks/sub/b.png"), expected)


def test_a_segmenter_may_be_given(model: Path, data: Path, tmp_path: Path) -> None:
    made = dn.write_prelabels(load_model(model), data, out=tmp_path / "out", to="label-studio")

    (first, *_) = json.loads((tmp_path / "out/label-studio/tasks.json").read_text())
    assert made.computed == "float32"
    assert first["data"] == {"image": "/data/local-files/?d=data/images/a.png"}
    assert first["predictions"][0]["model_version"].startswith("tiny ")


def test_a_data_set_without_any_class_of_the_model_is_refused(
    write: Write, data: Path, tmp_path: Path
) -> None:
    (data / "classes.txt").write_text("zebra\n")
    (data / "tags.csv").write_text("image,tags\na.png,zebra\n")

    with pytest.raises(
        DataError, match=r"data: has none of the model's classes \(cat, cow, dog, ant\)"
    ):
        write()

    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_there_is_refused_before_anything_is_written(
    data: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="there is no such model"):
        dn.write_prelabels(tmp_path / "none", data, out=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_voc_folder_is_pre_labelled_too(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "voc"
    (root / "JPEGImages").mkdir(parents=True)
    Image.fromarray(np.zeros((23, 31, 3), np.uint8)).save(root / "JPEGImages/one.jpg")
    (root / "tags.csv").write_text("image,tags\none.jpg,cat\n")

    made = dn.write_prelabels(model, root, out=tmp_path / "out", to="voc", copy_images=True)

    assert made.written == 1
    assert len((tmp_path / "out/voc/labelmap.txt").read_text().splitlines()) == 1 + 21
    assert (tmp_path / "out/voc/JPEGImages/one.jpg").exists()
    assert set(np.unique(read_mask(tmp_path / "out/masks/one.png"))) <= {0, 8}


def test_areas_may_be_polygons_and_images_urls(write: Write, tmp_path: Path) -> None:
    write(to="coco", polygons=True)
    write(to="label-studio", image_root="https://host/photos", resume=True)

    content = json.loads((tmp_path / "out/coco/instances.json").read_text())
    assert all(isinstance(row["segmentation"], list) for row in content["annotations"])
    tasks = json.loads((tmp_path / "out/label-studio/tasks.json").read_text())
    assert tasks[3]["data"] == {"image": "https://host/photos/sub/b.jpg"}
    assert tasks[3]["predictions"][0]["result"][-1]["value"] == {"choices": ["cat", "cow"]}


def test_a_model_is_loaded_as_it_is_asked_for(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert write(precision="bf16").computed == "bf16"
    with pytest.raises(DeviceError, match="finds no GPU"):
        write(device="cuda", out=tmp_path / "other")


@pytest.mark.parametrize("progress", [False, True])
def test_bars_are_shown_if_asked_for(
    write: Write, progress: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def bar(description: str, quiet: bool) -> Any:
        asked.append((description, quiet))
        return iter

    monkeypatch.setattr(job, "bar", bar)
    write(to="coco", progress=progress)

    assert asked == [("images", not progress), ("images written", not progress)]


def test_an_image_that_does_not_fit_into_memory_is_named(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "available_memory", lambda: 1000)

    made = write(tile=45)

    assert made.written == 0
    assert len(made.failures) == 4
    assert all("pixels in tiles of 45 take up to" in failure for failure in made.failures)
