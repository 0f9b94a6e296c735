import re

import pytest

from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from decouplednet.serve.labelling import Control, Kind, Label, LabellingConfig
from decouplednet.serve.labels import match_labels

CLASSES = ClassList(("cat", "cow", "dog"))


def control(kind: Kind, name: str, *labels: str, is_multiple: bool = True) -> Control:
    return Control(kind, name, tuple(Label(one, one) for one in labels), is_multiple)


def config(*controls: Control, other_images: tuple[str, ...] = ()) -> LabellingConfig:
    return LabellingConfig("image", "image", controls, other_images)


def places(found: object) -> dict[str, tuple[str, str]]:
    return {name: (place.control.name, place.label) for name, place in found.items()}  # type: ignore[attr-defined]  # a mapping of places


def test_labels_of_the_names_of_classes_are_their_places() -> None:
    labels = match_labels(
        config(
            control("choices", "tags", "dog", "cow", "cat"),
            control("brushlabels", "masks", "cat", "cow", "dog"),
        ),
        CLASSES,
    )

    assert places(labels.masks) == {name: ("masks", name) for name in CLASSES}
    assert places(labels.choices) == {name: ("tags", name) for name in CLASSES}
    assert labels.notes == ()


def test_brushes_come_before_polygons_and_polygons_do_without_them() -> None:
    brush = control("brushlabels", "masks", "cat", "cow", "dog")
    polygon = control("polygonlabels", "outlines", "cat", "cow", "dog")

    both = match_labels(config(polygon, brush), CLASSES)
    alone = match_labels(config(polygon), CLASSES)

    assert {place.control.kind for place in both.masks.values()} == {"brushlabels"}
    assert {place.control.kind for place in alone.masks.values()} == {"polygonlabels"}
    assert both.notes == alone.notes == ()


def test_a_label_in_another_case_is_taken_and_said_unless_one_is_exact() -> None:
    labels = match_labels(
        config(control("brushlabels", "masks", "CAT", "Dog", "dog", "cow")), CLASSES
    )

    assert places(labels.masks) == {
        "cat": ("masks", "CAT"),
        "dog": ("masks", "dog"),
        "cow": ("masks", "cow"),
    }
    assert labels.notes == (
        "masks: label 'CAT' is taken for class 'cat'",
        "masks: label 'Dog' is not used, since class 'dog' is answered as 'dog' of masks",
    )


def test_an_alias_may_name_the_class_and_is_what_is_answered() -> None:
    coded = Control("brushlabels", "masks", (Label("cat", "c1"), Label("Kuh", "cow")), True)

    labels = match_labels(config(coded), CLASSES)

    assert places(labels.masks) == {"cat": ("masks", "c1"), "cow": ("masks", "cow")}
    assert labels.notes == ("class 'dog' has no label",)


def test_what_the_model_or_the_project_lacks_is_said() -> None:
    labels = match_labels(
        config(control("brushlabels", "masks", "cta", "cat", "zebra", "dog")), CLASSES
    )

    assert set(labels.masks) == {"cat", "dog"}
    assert labels.notes == (
        "masks: there is no class 'cta'; did you mean 'cat'?",
        "masks: there is no class 'zebra'; the classes are cat, cow, dog",
        "class 'cow' has no label",
    )


def test_choices_of_other_things_are_left_alone_and_said_once() -> None:
    labels = match_labels(
        config(
            control("choices", "quality", "sharp", "blurred"),
            control("choices", "tags", "cat", "cow", "dog"),
        ),
        CLASSES,
    )

    assert places(labels.choices) == {name: ("tags", name) for name in CLASSES}
    assert labels.notes == ("quality: none of its labels (sharp, blurred) is a class of the model",)


def test_several_control_tags_share_the_classes() -> None:
    labels = match_labels(
        config(
            control("brushlabels", "small", "cat", "dog"),
            control("brushlabels", "large", "cow", "dog"),
        ),
        CLASSES,
    )

    assert places(labels.masks) == {
        "cat": ("small", "cat"),
        "dog": ("small", "dog"),
        "cow": ("large", "cow"),
    }
    assert labels.notes == (
        "large: label 'dog' is not used, since class 'dog' is answered as 'dog' of small",
    )


def test_single_choices_and_other_images_are_said() -> None:
    labels = match_labels(
        config(
            control("choices", "tags", "cat", "cow", "dog", is_multiple=False),
            other_images=("right",),
        ),
        CLASSES,
    )

    assert labels.masks == {}
    assert labels.notes == (
        'tags: choice="multiple" is missing, so only the most probable class is answered',
        "image 'right' is not answered, only 'image'",
    )


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (("zebra", "tree", "zebra"), "zebra, tree"),
        (tuple("abcdefghijklm"), "a, b, c, d, e, f, g, h, i, j, ..."),
    ],
)
def test_a_project_without_any_class_of_the_model_is_refused(
    names: tuple[str, ...], listed: str
) -> None:
    message = (
        f"labelling config: none of its labels ({listed}) is a class of the model (cat, cow, dog)"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        match_labels(config(control("brushlabels", "masks", *names)), CLASSES)
