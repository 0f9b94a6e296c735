"""Which label of a project stands for which class of the model."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from decouplednet.classes import ClassList
from decouplednet.errors import DataError
from decouplednet.serve.labelling import Control, Label, LabellingConfig

_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Place:
    """Where a class is answered.

    Args:
        control: the control tag.
        label: what its results hold.
    """

    control: Control
    label: str


@dataclass(frozen=True, slots=True)
class Labels:
    """Where each class of a model is answered in a project.

    Args:
        masks: class to the label that its mask gets, in brushes where the project has labels for
            them, else in polygons; a class without a label is not among them.
        choices: class to the choice that says it is on the image.
        notes: what people should know of it, a line each.
    """

    masks: Mapping[str, Place]
    choices: Mapping[str, Place]
    notes: tuple[str, ...]


def match_labels(config: LabellingConfig, classes: ClassList) -> Labels:
    """Return where each class is answered: at the label of its name, else of its name's letters.

    Args:
        config: of the project.
        classes: of the model.

    Raises:
        DataError: no label of the project is a class of the model.
    """
    brushes, polygons, choices = (
        [each for each in config.controls if each.kind == kind]
        for kind in ("brushlabels", "polygonlabels", "choices")
    )
    masks = _match(brushes or polygons, classes)
    tags = _match(choices, classes)
    if not masks and not tags:
        values = (label.value for control in config.controls for label in control.labels)
        raise DataError(
            f"labelling config: none of its labels ({_listed(values)}) is a class of the model "
            f"({_listed(classes)})"
        )
    notes = (
        *_notes(brushes or polygons, classes, masks),
        *_notes(choices, classes, tags),
        *(f"class {name!r} has no label" for name in classes if masks and name not in masks),
        *_of_single_choices(tags),
        *(f"image {name!r} is not answered, only {config.image!r}" for name in config.other_images),
    )
    return Labels(masks, tags, notes)


def _match(controls: Sequence[Control], classes: ClassList) -> dict[str, Place]:
    """Return the place of each class; a label of exactly its name comes before any other."""
    places: dict[str, Place] = {}
    for is_exact in (True, False):
        for control in controls:
            for label in control.labels:
                name = _class_of(label, classes)
                if name is not None and is_exact == _is_exact(label, name):
                    places.setdefault(name, Place(control, label.written))
    return places


def _notes(
    controls: Sequence[Control], classes: ClassList, places: Mapping[str, Place]
) -> Iterator[str]:
    """Yield what is to be said of labels that are not the place of a class of just their name."""
    used = {place.control for place in places.values()}
    for control in controls:
        if control in used:
            for label in control.labels:
                yield from _note(control, label, classes, places)
        else:
            names = _listed(label.value for label in control.labels)
            yield f"{control.name}: none of its labels ({names}) is a class of the model"


def _note(
    control: Control, label: Label, classes: ClassList, places: Mapping[str, Place]
) -> Iterator[str]:
    name = _class_of(label, classes)
    if name is None:
        yield f"{control.name}: {classes.unknown(label.value)}"
    elif places[name] != Place(control, label.written):
        place = places[name]
        yield (
            f"{control.name}: label {label.value!r} is not used, since class {name!r} is answered "
            f"as {place.label!r} of {place.control.name}"
        )
    elif not _is_exact(label, name):
        yield f"{control.name}: label {label.value!r} is taken for class {name!r}"


def _of_single_choices(tags: Mapping[str, Place]) -> Iterator[str]:
    for control in dict.fromkeys(place.control for place in tags.values()):
        if not control.is_multiple:
            yield (
                f'{control.name}: choice="multiple" is missing, so only the most probable class is '
                "answered"
            )


def _class_of(label: Label, classes: ClassList) -> str | None:
    """Return the class that a label names, in any case of its letters."""
    if label.value in classes or label.written in classes:
        return label.value if label.value in classes else label.written
    folded = {name.casefold(): name for name in reversed(classes.names)}
    return folded.get(label.value.casefold())


def _is_exact(label: Label, name: str) -> bool:
    return name in (label.value, label.written)


def _listed(names: Iterable[str]) -> str:
    """Return some names, the first ten of them."""
    every = list(dict.fromkeys(names))
    more = ", ..." if len(every) > _MOST_NAMED else ""
    return ", ".join(every[:_MOST_NAMED]) + more
