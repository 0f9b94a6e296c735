import re

import pytest

from decouplednet.errors import DataError
from decouplednet.serve.labelling import Control, Label, LabellingConfig, read_labelling_config
from tests.serve.conftest import CONFIG

NO_PAIR = (
    'labelling config: expected <Image name="image" value="$image"/> and <BrushLabels>, '
    '<PolygonLabels> or <Choices> with toName="image"; found no such pair'
)


def named(*names: str) -> tuple[Label, ...]:
    return tuple(Label(name, name) for name in names)


def test_image_field_and_control_tags_are_read_in_their_order() -> None:
    names = named("cat", "cow", "dog")

    assert read_labelling_config(CONFIG) == LabellingConfig(
        image="image",
        field="image",
        controls=(
            Control("choices", "tags", names, is_multiple=True),
            Control("brushlabels", "masks", names, is_multiple=False),
        ),
        other_images=(),
    )


def test_tags_are_known_in_any_case_wherever_they_lie() -> None:
    config = read_labelling_config(
        '<View><View><polygonlabels name="p" toName="x"><View><label value="cat"/></View>'
        '</polygonlabels></View><image name="x" value="$url of it"/></View>'
    )

    assert config.controls == (Control("polygonlabels", "p", named("cat"), is_multiple=False),)
    assert (config.image, config.field) == ("x", "url of it")


def test_an_alias_is_what_results_hold() -> None:
    text = CONFIG.replace('<Label value="cat"/>', '<Label value="cat" alias="c1"/>')

    assert read_labelling_config(text).controls[1].labels[0] == Label("cat", "c1")


def test_names_are_composed_and_written_as_the_project_has_them() -> None:
    text = CONFIG.replace('<Label value="cat"/>', '<Label value="Cafe\u0301"/>')

    assert read_labelling_config(text).controls[1].labels[0] == Label("Caf\u00e9", "Cafe\u0301")


def test_tags_of_other_kinds_and_choices_of_regions_are_left_out() -> None:
    text = CONFIG.replace(
        "<BrushLabels",
        '<RectangleLabels name="boxes" toName="image"><Label value="cat"/></RectangleLabels>'
        '<Choices name="pose" toName="image" perRegion="true"><Choice value="cat"/></Choices>'
        "<BrushLabels",
    )

    assert [each.name for each in read_labelling_config(text).controls] == ["tags", "masks"]


def test_the_first_image_that_is_labelled_is_answered_and_others_are_named() -> None:
    text = (
        '<View><Image name="map" value="$map"/><Image name="left" value="$a"/>'
        '<Image name="right" value="$b"/>'
        '<BrushLabels name="r" toName="right"><Label value="cat"/></BrushLabels>'
        '<Choices name="both" toName="left, right"><Choice value="cat"/></Choices></View>'
    )

    config = read_labelling_config(text)

    assert (config.image, config.field, config.other_images) == ("left", "a", ("right",))
    assert [each.name for each in config.controls] == ["both"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "labelling config: not XML: no element found: line 1, column 0"),
        ("<View>", "labelling config: not XML: no element found: line 1, column 6"),
        ("<View/>", NO_PAIR),
        (CONFIG.replace("<Image", "<Video"), NO_PAIR),
        (CONFIG.replace('toName="image"', 'toName="img"'), NO_PAIR),
        (CONFIG.replace('name="image"', ""), NO_PAIR),
        (
            CONFIG.replace("$image", "https://host/cat.jpg"),
            "labelling config: <Image name='image'> has the value 'https://host/cat.jpg'; expected "
            "one field of the task's data, such as $image",
        ),
        (
            "<!DOCTYPE v [<!ENTITY a 'b'>]><View>&a;</View>",
            "labelling config: it has a document type, which is not read; remove <!DOCTYPE ...>",
        ),
        (
            "<View>" + " " * 1_000_000,
            "labelling config: 1000006 characters; expected at most 1000000",
        ),
    ],
)
def test_a_config_that_cannot_be_answered_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read_labelling_config(text)
