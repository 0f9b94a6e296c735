"""Tags that people gave an image in Label Studio: the choices made on its task."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from decouplednet.classes import composed
from decouplednet.serve.labels import Place
from decouplednet.serve.protocol import Made, Task


@dataclass(frozen=True, slots=True)
class PeoplesTags:
    """What people said is on an image.

    Args:
        tags: the model's classes among it; none where every choice was something else.
        unknown: choices that are no class of the model.
    """

    tags: frozenset[str]
    unknown: tuple[str, ...]


def peoples_tags(
    task: Task, context: Mapping[str, Any] | None, choices: Mapping[str, Place]
) -> PeoplesTags | None:
    """Return the tags that people gave, or None where nobody has chosen anything.

    What was just sent along comes first, then the latest draft that holds choices, then the latest
    annotation that does. A task that somebody skipped holds none.

    Args:
        task: with its drafts and annotations.
        context: what the labelling page sends along.
        choices: the model's classes, and the choices that stand for them.
    """
    names = {place.control.name for place in choices.values()}
    sent = context.get("result") if context else None
    of_drafts = (made.result for made in _latest_first(task.drafts))
    of_annotations = (
        made.result for made in _latest_first(task.annotations) if not made.was_cancelled
    )
    for result in (sent, *of_drafts, *of_annotations):
        chosen = list(_chosen(result if isinstance(result, list) else [], names))
        if chosen:
            return _in_classes(chosen, choices)
    return None


def _latest_first(made: Iterable[Made | int] | None) -> list[Made]:
    """Return drafts or annotations by their time; those of one time in reversed order."""
    told = [each for each in made or () if isinstance(each, Made)]
    in_order = sorted(told, key=lambda each: str(each.updated_at or each.created_at or ""))
    return in_order[::-1]


def _chosen(result: Iterable[Any], names: set[str]) -> Iterator[tuple[str, str]]:
    """Yield control tag and choice."""
    for item in result:
        if not isinstance(item, dict) or item.get("from_name") not in names:
            continue
        value = item.get("value")
        choices = value.get("choices") if isinstance(value, dict) else None
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, str):
                yield item["from_name"], composed(choice)


def _in_classes(chosen: list[tuple[str, str]], choices: Mapping[str, Place]) -> PeoplesTags:
    class_of = {
        (place.control.name, name): each
        for each, place in choices.items()
        for name in _written(place)
    }
    return PeoplesTags(
        frozenset(class_of[pair] for pair in chosen if pair in class_of),
        tuple(dict.fromkeys(choice for name, choice in chosen if (name, choice) not in class_of)),
    )


def _written(place: Place) -> Iterator[str]:
    """Yield the ways in which results may hold a choice: its alias and its value."""
    for label in place.control.labels:
        if label.written == place.label:
            yield from {composed(label.written), label.value}
