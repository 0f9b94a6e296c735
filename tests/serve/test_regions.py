import numpy as np
from numpy.typing import NDArray

from decouplednet.annotations.writers.brush import decode_brush
from decouplednet.classes import ClassList
from decouplednet.inference.prediction import Prediction
from decouplednet.serve.labelling import read_labelling_config
from decouplednet.serve.labels import Labels, match_labels
from decouplednet.serve.protocol import BrushValue, ChoicesValue, PolygonValue, Region
from decouplednet.serve.regions import Target, mask_regions, tag_regions
from tests.serve.conftest import CONFIG, POLYGONS

CLASSES = ClassList(("cat", "cow", "dog"))
SCORES = {"cat": 0.9, "cow": 0.2, "dog": 0.75}
TARGET = Target("image", 20, 50)


def labels(config: str) -> Labels:
    return match_labels(read_labelling_config(config), CLASSES)


def prediction(label_map: NDArray[np.uint8], *identified: str) -> Prediction:
    return Prediction(label_map, {}, SCORES, identified)


def cat_and_dog() -> NDArray[np.uint8]:
    label_map = np.zeros((20, 50), np.uint8)
    label_map[2:7, 10:30] = 1
    label_map[5:12, 20:45] = 3
    return label_map


def facts(region: Region) -> tuple[str, str, str, int, int, int, float]:
    return (
        region.type,
        region.from_name,
        region.to_name,
        region.original_width,
        region.original_height,
        region.image_rotation,
        region.score,
    )


def test_each_class_is_one_brush_mask_of_the_image() -> None:
    label_map = cat_and_dog()

    drawn = mask_regions(prediction(label_map, "cat", "dog"), CLASSES, labels(CONFIG).masks, TARGET)

    assert [facts(region) for region in drawn.regions] == [
        ("brushlabels", "masks", "image", 50, 20, 0, 0.9),
        ("brushlabels", "masks", "image", 50, 20, 0, 0.75),
    ]
    for region, name, index in zip(drawn.regions, ("cat", "dog"), (1, 3), strict=True):
        assert isinstance(region.value, BrushValue)
        assert region.value.brushlabels == [name]
        alpha = decode_brush(region.value.rle, (20, 50))
        assert np.array_equal(alpha, np.where(label_map == index, 255, 0))
    assert len({region.id for region in drawn.regions}) == 2
    assert drawn.notes == ()


def test_a_class_without_pixels_or_without_a_label_has_no_mask() -> None:
    places = labels(CONFIG.replace('<Label value="dog"/>', "")).masks

    drawn = mask_regions(prediction(cat_and_dog(), "cat", "cow", "dog"), CLASSES, places, TARGET)

    assert [region.value.model_dump()["brushlabels"] for region in drawn.regions] == [["cat"]]


def test_a_polygon_goes_around_each_piece_in_percent_of_width_and_height() -> None:
    label_map = np.zeros((20, 50), np.uint8)
    label_map[2:7, 10:30] = 1
    label_map[10:20, 40:50] = 1

    drawn = mask_regions(prediction(label_map, "cat"), CLASSES, labels(POLYGONS).masks, TARGET)

    values = [region.value for region in drawn.regions]
    assert all(isinstance(value, PolygonValue) for value in values)
    assert [value.model_dump() for value in values] == [
        {
            "points": [(20, 10), (60, 10), (60, 35), (20, 35)],
            "closed": True,
            "polygonlabels": ["cat"],
        },
        {
            "points": [(80, 50), (100, 50), (100, 100), (80, 100)],
            "closed": True,
            "polygonlabels": ["cat"],
        },
    ]
    assert [facts(region) for region in drawn.regions] == [
        ("polygonlabels", "masks", "image", 50, 20, 0, 0.9)
    ] * 2


def test_specks_become_no_polygons_and_are_counted() -> None:
    label_map = np.zeros((20, 50), np.uint8)
    label_map[0:3, 0:3] = 1
    label_map[5, 5:13] = 1
    label_map[9, 9] = 1

    drawn = mask_regions(prediction(label_map, "cat"), CLASSES, labels(POLYGONS).masks, TARGET)

    assert len(drawn.regions) == 1
    assert drawn.notes == ("2 pieces of cat smaller than 9 pixels left out",)


def test_the_tags_are_choices_with_the_probability_of_the_least_probable() -> None:
    (region,) = tag_regions(prediction(cat_and_dog(), "cat", "dog"), labels(CONFIG).choices, TARGET)

    assert facts(region) == ("choices", "tags", "image", 50, 20, 0, 0.75)
    assert region.value == ChoicesValue(choices=["cat", "dog"])


def test_a_single_choice_gets_the_most_probable_class() -> None:
    places = labels(CONFIG.replace('choice="multiple"', 'choice="single-radio"')).choices
    single = labels(CONFIG.replace(' choice="multiple"', "")).choices

    (region,) = tag_regions(prediction(cat_and_dog(), "cow", "dog", "cat"), single, TARGET)
    (other,) = tag_regions(prediction(cat_and_dog(), "cow", "dog", "cat"), places, TARGET)

    assert region.value == other.value == ChoicesValue(choices=["cat"])
    assert region.score == 0.9


def test_an_image_of_background_has_no_results() -> None:
    nothing = prediction(np.zeros((20, 50), np.uint8))

    assert mask_regions(nothing, CLASSES, labels(CONFIG).masks, TARGET).regions == ()
    assert list(tag_regions(nothing, labels(CONFIG).choices, TARGET)) == []


def test_results_hold_the_alias_of_a_label() -> None:
    config = CONFIG.replace('value="cat"', 'value="cat" alias="c1"')

    (tags,) = tag_regions(prediction(cat_and_dog(), "cat"), labels(config).choices, TARGET)
    drawn = mask_regions(prediction(cat_and_dog(), "cat"), CLASSES, labels(config).masks, TARGET)

    assert tags.value == ChoicesValue(choices=["c1"])
    assert drawn.regions[0].value.model_dump()["brushlabels"] == ["c1"]
