"""The command as a whole; what it writes is tested beside its parts."""

import csv
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from PIL import Image

from decouplednet.cli.predict import predict
from decouplednet.errors import DataError, DeviceError, ModelError, SettingsError, UsageError
from decouplednet.inference.activation_ranges import prepare_int8
from decouplednet.inference.devices import choose_precision, precision_word
from decouplednet.inference.model_folder import load_model
from tests.cli.conftest import runner
from tests.machine import needs_bytes

run = runner(predict)
IN = precision_word(choose_precision("auto", torch.device("cpu")))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for seed, name in enumerate(("a.png", "sub/b.png", "c.png")):
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (21 + seed, 33, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
    (tmp_path / "images/notes.txt").write_text("no image")
    return tmp_path / "images"


def classes_in(file: Path) -> set[int]:
    with Image.open(file) as picture:
        return set(np.unique(np.asarray(picture)).tolist())


def test_a_folder_becomes_label_maps_and_a_table(model: Path, images: Path, tmp_path: Path) -> None:
    result = run(model, images, "--out", tmp_path / "out")

    written = sorted(p.relative_to(tmp_path / "out").as_posix() for p in _files(tmp_path / "out"))
    assert written == ["a.png", "c.png", "predictions.csv", "sub/b.png"]
    with Image.open(tmp_path / "out/sub/b.png") as picture:
        assert picture.size == (33, 22)
    assert result.stdout == f"label maps: {tmp_path / 'out'}/ (3 images in {IN}; 1 file skipped)\n"
    assert result.stderr == ""


def test_a_single_image_may_be_named(model: Path, images: Path, tmp_path: Path) -> None:
    run(model / "model", images / "c.png", "--out", tmp_path / "out")

    assert {p.name for p in _files(tmp_path / "out")} == {"c.png", "predictions.csv"}


def test_tags_replace_the_gate_and_are_counted(model: Path, images: Path, tmp_path: Path) -> None:
    tags = tmp_path / "tags.csv"
    tags.write_text("image,tags\na.png,dog;tree\nsub/b,\nx,cat\n")

    result = run(model, images, "--out", tmp_path / "out", "--tags", tags)

    assert classes_in(tmp_path / "out/a.png") <= {0, 3}
    assert 3 in classes_in(tmp_path / "out/a.png")
    assert classes_in(tmp_path / "out/sub/b.png") == {0}
    assert classes_in(tmp_path / "out/c.png") & {1, 2}
    assert result.stdout.splitlines()[1] == (
        "tags of 2 images given, 1 left to the model; 1 name unknown to the model ignored "
        "(tree 1); rows that name none of the images: 1"
    )


def test_a_misspelt_tag_is_told_with_the_class_that_it_may_mean(
    model: Path, images: Path, tmp_path: Path
) -> None:
    tags = tmp_path / "tags.csv"
    tags.write_text("image,tags\na.png,dgo\n")

    result = run(model, images, "--out", tmp_path / "out", "--tags", tags)

    assert "1 name unknown to the model ignored (dgo 1, did you mean dog?);" in result.stdout


def test_of_an_image_with_too_many_pixels_the_remedy_is_told(
    model: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8)

    result = run(model, images / "a.png", "--out", tmp_path / "out", status=1)

    assert result.stderr.splitlines() == [
        f"{images / 'a.png'}: not a readable image: more than 8 pixels",
        "images with more pixels than are read at once are seen in tiles: add --tile PIXELS",
    ]


def test_the_threshold_moves_the_gate(model: Path, images: Path, tmp_path: Path) -> None:
    run(model, images, "--out", tmp_path / "high", "--threshold", 0.8)
    run(model, images, "--out", tmp_path / "never", "--threshold", 1)

    assert classes_in(tmp_path / "high/a.png") == {0, 1}
    assert classes_in(tmp_path / "never/a.png") == {0}


def test_overlays_lie_in_a_folder_of_their_own(model: Path, images: Path, tmp_path: Path) -> None:
    said = run(model, images, "--out", tmp_path / "out", "--overlay").stdout

    assert (tmp_path / "out/overlays/sub/b.jpg").is_file()
    assert (tmp_path / "out/overlays/legend.svg").is_file()
    assert said.splitlines()[1:] == [f"overlays: {tmp_path / 'out/overlays'}/"]


def test_a_bad_image_is_named_and_the_status_is_one(
    model: Path, images: Path, tmp_path: Path
) -> None:
    (images / "a.png").write_text("no picture")

    result = run(model, images, "--out", tmp_path / "out", status=1)

    assert result.stderr.count("\n") == 1
    assert "a.png: not a readable image" in result.stderr
    assert result.stdout.startswith(
        f"label maps: {tmp_path / 'out'}/ (2 images in {IN}; 1 file skipped)\n"
    )
    assert (tmp_path / "out/sub/b.png").exists()
    with (tmp_path / "out/predictions.csv").open() as file:
        assert {row["image"] for row in csv.DictReader(file)} == {"c.png", "sub/b.png"}


def test_label_maps_of_an_earlier_call_are_counted(
    model: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    run(model, images, "--out", out)
    of_one = run(model, images / "a.png", "--out", out).stdout
    run(model, images, "--out", out)
    (out / "sub/b.png").unlink()
    of_two = run(model, images / "a.png", "--out", out).stdout

    assert of_one.splitlines()[1:] == [f"{out}: 2 label maps of an earlier call are still there"]
    assert of_two.splitlines()[1:] == [f"{out}: 1 label map of an earlier call is still there"]


def test_masks_are_not_written_over(model: Path, images: Path, tmp_path: Path) -> None:
    mask = tmp_path / "masks/c.png"
    mask.parent.mkdir()
    mask.write_bytes(b"drawn by hand")

    with pytest.raises(DataError, match=r"masks/c\.png: would be written over.*another --out"):
        run(model, images, "--out", tmp_path / "masks")

    assert [(file, file.read_bytes()) for file in _files(mask.parent)] == [(mask, b"drawn by hand")]


def test_nothing_is_said_of_label_maps_when_there_is_none(
    model: Path, images: Path, tmp_path: Path
) -> None:
    (images / "a.png").write_text("no picture")

    assert run(model, images / "a.png", "--out", tmp_path / "out", status=1).stdout == ""


def test_quiet_shows_nothing_but_faults(model: Path, images: Path, tmp_path: Path) -> None:
    silent = run(model, images, "--out", tmp_path / "out", "--quiet")
    (images / "a.png").write_text("no picture")
    faulty = run(model, images, "--out", tmp_path / "out", "--quiet", status=1)

    assert silent.output == ""
    assert faulty.stdout == ""
    assert "a.png" in faulty.stderr


def test_the_device_is_asked_for(
    model: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    run(model, images, "--out", tmp_path / "out", "--device", "cpu")
    with pytest.raises(DeviceError, match="finds no GPU"):
        run(model, images, "--out", tmp_path / "out", "--device", "cuda")


def test_nothing_is_written_when_a_file_that_was_named_is_bad(
    model: Path, images: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="there is no such model"):
        run(tmp_path / "absent", images, "--out", tmp_path / "out")
    with pytest.raises(DataError, match="there is no such file or folder"):
        run(model, tmp_path / "absent", "--out", tmp_path / "out")
    with pytest.raises(DataError, match=r"tags\.csv: cannot be read"):
        run(model, images, "--out", tmp_path / "out", "--tags", tmp_path / "tags.csv")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [("--device", "tpu"), ("--overlays",)])
def test_wrong_use_has_status_two(
    arguments: tuple[str, ...], model: Path, images: Path, tmp_path: Path
) -> None:
    run(model, images, "--out", tmp_path / "out", *arguments, status=2)


@pytest.mark.parametrize("threshold", ["nan", "2", "-0.1", "x"])
def test_a_threshold_that_is_no_probability_is_named(
    threshold: str, model: Path, images: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        UsageError,
        match=rf"^--threshold: {threshold}: expected a probability, a number from 0 to 1$",
    ):
        run(model, images, "--out", tmp_path / "out", "--threshold", threshold)

    assert not (tmp_path / "out").exists()


def test_the_folder_of_results_must_be_named(model: Path, images: Path) -> None:
    run(model, images, status=2)


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("precision", "word"), [("32", "float32"), ("bf16", "bf16")])
def test_the_precision_can_be_chosen_and_is_named(
    model: Path, images: Path, tmp_path: Path, precision: str, word: str
) -> None:
    said = run(model, images, "--out", tmp_path / "out", "--precision", precision).stdout

    assert said == f"label maps: {tmp_path / 'out'}/ (3 images in {word}; 1 file skipped)\n"


@needs_bytes
def test_a_prepared_model_labels_in_8_bits(model: Path, images: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    copytree(model, prepared)
    prepare_int8(prepared, images)

    said = run(prepared, images, "--out", tmp_path / "out", "--precision", "int8").stdout

    assert said == f"label maps: {tmp_path / 'out'}/ (3 images in int8; 1 file skipped)\n"


def test_large_images_are_seen_in_tiles(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    pixels = np.random.default_rng(3).integers(0, 256, (71, 133, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.png")

    out = ("--out", tmp_path / "out", "--tile", "48", "--precision", "32")
    result = run(model, tmp_path / "large.png", *out)
    monkeypatch.undo()

    expected = load_model(model).predict(pixels, tile=48).label_map
    with Image.open(tmp_path / "out/large.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), expected)
    assert result.stderr == ""


def test_a_tile_that_shows_nothing_is_refused(model: Path, images: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"^tile = 8: expected a whole number of pixels, at least 32$"
    ):
        run(model, images, "--out", tmp_path / "out", "--tile", "8")

    assert not (tmp_path / "out").exists()
