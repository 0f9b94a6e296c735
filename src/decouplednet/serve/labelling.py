"""What a Label Studio project asks of an image: the control tags of its labelling config."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args
from xml.etree import ElementTree

from decouplednet.classes import composed
from decouplednet.errors import DataError

Kind = Literal["brushlabels", "polygonlabels", "choices"]
"""Of control tags that are answered, as results name them."""

_KINDS: tuple[Kind, ...] = get_args(Kind)
_NAMES = {"brushlabels": "label", "polygonlabels": "label", "choices": "choice"}
_LONGEST = 1_000_000  # characters; a thousand labels take about a twentieth
_WHERE = "labelling config: "


@dataclass(frozen=True, slots=True)
class Label:
    """One name that people can choose.

    Args:
        value: what they read.
        written: what results hold: the alias, where there is one.
    """

    value: str
    written: str


@dataclass(frozen=True, slots=True)
class Control:
    """A control tag of an image.

    Args:
        kind: which.
        name: of the tag, ``from_name`` in results.
        labels: its names, in their order.
        is_multiple: several of its names may be chosen at once.
    """

    kind: Kind
    name: str
    labels: tuple[Label, ...]
    is_multiple: bool


@dataclass(frozen=True, slots=True)
class LabellingConfig:
    """What is read of a labelling config.

    Args:
        image: name of the image tag that is answered, ``to_name`` in results.
        field: under which key the data of a task holds the image's address.
        controls: the tags on that image which are answered.
        other_images: names of further image tags with such tags, which are not answered.
    """

    image: str
    field: str
    controls: tuple[Control, ...]
    other_images: tuple[str, ...]


def read_labelling_config(text: str) -> LabellingConfig:
    """Return what a project asks of its image.

    Names of tags may be written in any case, as Label Studio reads them. Choices that are made for
    each region are none of the image's and are left out.

    Args:
        text: the XML of the project's labelling interface.

    Raises:
        DataError: it is no XML, has a document type, is too long, or no image in it has a tag that
            is answered.
    """
    elements = list(_parsed(text).iter())
    controls = list(_controls(elements))
    images = {
        each.get("name", ""): each.get("value", "") for each in elements if _tag(each) == "image"
    }
    answered = [name for name in images if name and any(name in targets for targets, _ in controls)]
    if not answered:
        raise DataError(
            f'{_WHERE}expected <Image name="image" value="$image"/> and <BrushLabels>, '
            '<PolygonLabels> or <Choices> with toName="image"; found no such pair'
        )
    image = answered[0]
    return LabellingConfig(
        image,
        _field(image, images[image]),
        tuple(control for targets, control in controls if image in targets),
        tuple(answered[1:]),
    )


def _parsed(text: str) -> ElementTree.Element:
    if len(text) > _LONGEST:
        raise DataError(f"{_WHERE}{len(text)} characters; expected at most {_LONGEST}")
    if re.search("<!(doctype|entity)", text, re.IGNORECASE):
        raise DataError(f"{_WHERE}it has a document type, which is not read; remove <!DOCTYPE ...>")
    try:
        return ElementTree.fromstring(text)  # noqa: S314 (it defines no entities, see above)
    except (ElementTree.ParseError, ValueError) as fault:
        raise DataError(f"{_WHERE}not XML: {fault}") from None


def _controls(elements: list[ElementTree.Element]) -> Iterator[tuple[list[str], Control]]:
    """Yield the control tags that are answered, each with the names of what it labels."""
    for element in elements:
        kind = next((each for each in _KINDS if each == _tag(element)), None)
        if kind is None or element.get("perRegion", "false").lower() == "true":
            continue
        targets = [name.strip() for name in element.get("toName", "").split(",")]
        is_multiple = element.get("choice", "").lower() == "multiple"
        labels = tuple(_labels(element, _NAMES[kind]))
        yield targets, Control(kind, element.get("name", ""), labels, is_multiple)


def _labels(control: ElementTree.Element, tag: str) -> Iterator[Label]:
    for element in control.iter():
        value = composed(element.get("value", ""))
        if _tag(element) == tag and value:
            yield Label(value, element.get("alias", "") or element.get("value", ""))


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).lower()


def _field(image: str, value: str) -> str:
    if not re.fullmatch(r"\$\w[\w .-]*", value):
        raise DataError(
            f"{_WHERE}<Image name={image!r}> has the value {value!r}; expected one field of the "
            "task's data, such as $image"
        )
    return value[1:]
