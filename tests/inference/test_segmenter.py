from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from decouplednet.errors import DataError, ModelError, SettingsError
from decouplednet.inference.procedure import Procedure
from tests.inference.small import NAMES, answer, small_segmenter

PIXELS = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)


def test_a_path_a_text_a_pillow_image_and_an_array_are_the_same_image(tmp_path: Path) -> None:
    segmenter = small_segmenter()
    picture = Image.fromarray(PIXELS)
    picture.save(tmp_path / "cat.png")

    expected = segmenter.predict(PIXELS, {"cat", "cow"}).label_map

    assert expected.shape == (37, 53)
    for image in (tmp_path / "cat.png", str(tmp_path / "cat.png"), picture):
        assert np.array_equal(segmenter.predict(image, {"cat", "cow"}).label_map, expected)


def test_files_and_pillow_images_are_turned_upright(tmp_path: Path) -> None:
    picture = Image.fromarray(PIXELS)
    exif = picture.getexif()
    exif[274] = 6  # a quarter turn to the right
    picture.save(tmp_path / "cat.png", exif=exif)

    from_file = small_segmenter().predict(tmp_path / "cat.png", {"cat"})
    with Image.open(tmp_path / "cat.png") as opened:
        from_picture = small_segmenter().predict(opened, {"cat"})

    assert from_file.label_map.shape == from_picture.label_map.shape == (53, 37)
    expected = small_segmenter().predict(np.rot90(PIXELS, -1).copy(), {"cat"})
    assert np.array_equal(from_file.label_map, expected.label_map)
    assert np.array_equal(from_picture.label_map, expected.label_map)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_a_pillow_image_of_eight_bits_is_read_like_its_file(mode: str, tmp_path: Path) -> None:
    picture = Image.fromarray(PIXELS).convert(mode)
    file = tmp_path / "cat.tif"
    picture.save(file)

    from_picture = small_segmenter().predict(picture, {"cat"})

    from_file = small_segmenter().predict(file, {"cat"})
    assert np.array_equal(from_picture.class_maps["cat"], from_file.class_maps["cat"])


def test_tags_replace_the_gate_and_the_threshold_moves_it() -> None:
    segmenter = small_segmenter()
    answer(segmenter.network, (0.6, 0.2, 0.8))

    assert segmenter.predict(PIXELS).identified == ("cat", "dog")
    assert segmenter.predict(PIXELS, threshold=0.7).identified == ("dog",)
    assert segmenter.predict(PIXELS, ["cow"]).identified == ("cow",)
    assert segmenter.predict(PIXELS, []).identified == ()


def test_thresholds_of_each_class_are_the_model_s_own_until_one_is_given() -> None:
    own = replace(small_segmenter(), procedure=Procedure(thresholds=(0.7, 0.1, 0.5)))
    answer(own.network, (0.6, 0.2, 0.8))

    assert own.predict(PIXELS).identified == ("cow", "dog")
    assert own.predict(PIXELS, threshold=0.5).identified == ("cat", "dog")
    assert own.predict(PIXELS, ["cat"]).identified == ("cat",)


def test_the_predictor_takes_threshold_and_precision() -> None:
    predictor = small_segmenter().predictor(threshold=0.25, precision=torch.bfloat16)

    assert predictor.threshold == 0.25
    assert predictor.precision is torch.bfloat16
    assert predictor.device == torch.device("cpu")
    assert predictor.classes.names == NAMES


def test_an_unreadable_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_text("no picture")

    with pytest.raises(DataError, match=r"cat\.png: not a readable image"):
        small_segmenter().predict(tmp_path / "cat.png")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I", "F", "I;16"])
def test_a_pillow_image_whose_reading_is_a_choice_is_refused(mode: str) -> None:
    picture = Image.fromarray(PIXELS[..., 0])
    wide = Image.fromarray(PIXELS[..., 0].astype(np.uint16)) if mode == "I;16" else None

    with pytest.raises(DataError, match=rf"of mode {mode} has transparency .* give the path of"):
        small_segmenter().predict(wide or picture.convert(mode))


def test_a_palette_with_a_transparent_colour_is_refused() -> None:
    picture = Image.fromarray(PIXELS[..., 0]).convert("P")
    picture.info["transparency"] = 3

    with pytest.raises(DataError, match=r"of mode P has transparency"):
        small_segmenter().predict(picture)


def test_a_truncated_pillow_image_is_refused(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "cat.png")
    content = (tmp_path / "cat.png").read_bytes()
    (tmp_path / "cat.png").write_bytes(content[: len(content) // 2])

    with (
        Image.open(tmp_path / "cat.png") as picture,
        pytest.raises(DataError, match="the Pillow image cannot be decoded: image file is trunc"),
    ):
        small_segmenter().predict(picture)


@pytest.mark.parametrize("image", [[[1]], None, 5, b"x"])
def test_another_kind_of_image_is_refused(image: Any) -> None:
    message = r"an image is a path, a Pillow image or an array .*; found (list|NoneType|int|bytes)$"
    with pytest.raises(DataError, match=message):
        small_segmenter().predict(image)


@pytest.mark.parametrize("tags", [{1}, b"cat", 5, {"cat": 1}, [None]])
def test_tags_that_are_no_names_are_refused(tags: Any) -> None:
    with pytest.raises(
        DataError, match=r"tags = .*: expected a collection of names such as \{'cat"
    ):
        small_segmenter().predict(PIXELS, tags)


def test_a_threshold_that_is_no_number_is_refused() -> None:
    threshold: Any = "x"
    with pytest.raises(SettingsError, match=r"threshold = 'x': a probability lies in 0 to"):
        small_segmenter().predict(PIXELS, threshold=threshold)


def test_a_model_has_a_threshold_of_its_own() -> None:
    segmenter = replace(small_segmenter(), procedure=Procedure(threshold=0.7))
    answer(segmenter.network, (0.6, 0.2, 0.8))

    assert segmenter.predict(PIXELS).identified == ("dog",)
    assert segmenter.predict(PIXELS, threshold=0.5).identified == ("cat", "dog")


def test_a_segmenter_and_its_prediction_print_as_one_line() -> None:
    segmenter = small_segmenter()

    assert str(segmenter) == (
        "Segmenter(preset='tiny', classes=('cat', 'cow', 'dog'), side=64, device='cpu')"
    )
    prediction = segmenter.predict(PIXELS, ["cow"])
    assert repr(prediction) == "Prediction(37 x 53 pixels, identified=('cow',))"


def test_an_overlay_takes_the_kinds_of_image_that_are_predicted(tmp_path: Path) -> None:
    picture = Image.fromarray(PIXELS)
    picture.save(tmp_path / "cat.png")
    prediction = small_segmenter().predict(PIXELS, {"cat", "cow"})

    expected = prediction.overlay(PIXELS)

    for image in (tmp_path / "cat.png", str(tmp_path / "cat.png"), picture):
        assert np.array_equal(prediction.overlay(image), expected)
    with pytest.raises(DataError, match=r"an image is a path, .* found list"):
        prediction.overlay([[1]])  # type: ignore[arg-type]  # what is tested


def test_an_array_that_is_no_rgb_image_is_refused() -> None:
    with pytest.raises(DataError, match=r"an image is \(H, W, 3\) uint8"):
        small_segmenter().predict(PIXELS[..., 0])


def test_an_unknown_tag_is_refused_with_the_nearest_class() -> None:
    with pytest.raises(DataError, match=r"there is no class 'cta'; did you mean 'cat'\?"):
        small_segmenter().predict(PIXELS, {"cta"})


def test_a_threshold_that_is_no_probability_is_refused() -> None:
    with pytest.raises(SettingsError, match="threshold = 50: a probability lies in 0 to 1"):
        small_segmenter().predict(PIXELS, threshold=50)


@pytest.mark.parametrize(
    ("training", "others"),
    [({}, "ignore"), ({"others": "ignore"}, "ignore"), ({"others": "background"}, "background")],
)
def test_the_fate_of_other_classes_is_read_from_the_record(
    training: dict[str, str], others: str
) -> None:
    assert replace(small_segmenter(), training=training).others == others


def test_another_fate_of_other_classes_is_refused() -> None:
    with pytest.raises(ModelError, match=r"others is 'drop': expected 'ignore' or 'background'"):
        _ = replace(small_segmenter(), training={"others": "drop"}).others
