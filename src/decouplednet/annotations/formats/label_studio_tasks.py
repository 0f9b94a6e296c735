"""Tasks of Label Studio: which of their annotations counts, and what it says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from decouplednet.annotations.formats.drawn_shapes import Drawn, classes_of, content_of
from decouplednet.annotations.formats.label_studio_images import image_of
from decouplednet.annotations.formats.label_studio_regions import (
    LABEL_KEYS,
    Size,
    Value,
    has_geometry,
    region,
    region_size,
)
from decouplednet.annotations.formats.refusals import ImageRefusedError, class_or_refusal
from decouplednet.annotations.formats.source import Said

_BARE = frozenset({"brush", "polygon", "rectangle", "ellipse", "keypoint"})
_UNREAD = frozenset({"bitmask", "vector", "videorectangle", "cuboid"})
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Annotators:
    """Counts the tasks that several people annotated.

    Args:
        tasks: how many there were.
        first: what to say of the first of them.
    """

    tasks: int = 0
    first: str = ""

    def see(self, place: str, annotations: Sequence[Mapping[str, Any]], chosen: int) -> None:
        """Count a task.

        Args:
            place: of the task, such as ``task 7``.
            annotations: of the task that were not cancelled.
            chosen: which of them counts.
        """
        people = [_person(one) for one in annotations]
        others = sorted(set(people) - {people[chosen]})
        if others:
            self.tasks += 1
            self.first = self.first or (
                f"of {place} that of {people[chosen]}, not that of {', '.join(others)}"
            )


@dataclass(slots=True)
class Annotation:
    """What one annotation says, without its image.

    Args:
        shapes: in the order of drawing.
        tags: choices.
        sizes: of the pictures that the shapes were drawn on.
        said: whether anybody annotated the task.
    """

    shapes: list[Drawn] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    sizes: set[Size] = field(default_factory=set)
    said: bool = True

    def draw(self, value: Value, width: object, height: object) -> None:
        """Take a region that was drawn on a picture of a width and a height in pixels."""
        size = region_size(width, height)
        self.sizes.add(size)
        self.shapes.append(region(value, size))

    def choose(self, listed: object) -> None:
        """Take one or several choices; background is the choice of none."""
        for one in listed if isinstance(listed, list) else [listed]:
            name = class_or_refusal(one)
            if name:
                self.tags.add(name)

    def of(self, image: str, file: Path) -> Said:
        """Return what is said of an image.

        Raises:
            ImageRefusedError: the shapes were drawn on pictures of several sizes.
        """
        if not self.said:
            return Said(image)
        if not self.shapes:
            return Said(image, tags=frozenset(self.tags))
        if len(self.sizes) > 1:
            sizes = " and ".join(f"{width} x {height}" for height, width in sorted(self.sizes))
            raise ImageRefusedError(
                "uneven-size",
                f"its regions were drawn on pictures of {sizes} pixels; draw them anew on one",
            )
        drawn = classes_of(self.shapes)
        # An outline shows all that is there; of a box or a point the tag is the surer part.
        tagged = bool(self.tags) or not all(one.whole for one in self.shapes)
        return Said(
            image,
            tags=drawn | self.tags if tagged else None,
            mask=content_of(file, next(iter(self.sizes)), self.shapes),
            drawn=drawn,
        )


def place_of(task: object, number: int) -> str:
    """Return what a message calls a task: by its id, else by its number in the file."""
    identity = task.get("id") if isinstance(task, dict) else None
    return f"task {identity}" if isinstance(identity, int) else f"entry {number}"


def said_of_task(task: object, place: str, file: Path, annotators: Annotators) -> Said:
    """Return what the latest annotation of a task says; cancelled ones, drafts and predictions not.

    Args:
        task: of a JSON export.
        place: of the task, for messages.
        file: that holds it.
        annotators: is told who annotated it.

    Raises:
        ImageRefusedError: it names no image, or its annotation cannot be used.
    """
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        raise ImageRefusedError("no-image-named", "it has no data; export the whole task")
    image = image_of(task["data"])
    given = task.get("annotations", task.get("completions"))
    kept = [one for one in given or () if isinstance(one, dict) and not _cancelled(one)]
    if not kept:
        return Said(image)
    chosen = latest(kept)
    annotators.see(place, kept, chosen)
    results = kept[chosen].get("result")
    return _annotation(results if isinstance(results, list) else []).of(image, file)


def said_of_records(
    records: Sequence[Mapping[str, Any]], place: str, file: Path, annotators: Annotators
) -> Said:
    """Return what the latest annotation of a task says, of which JSON-MIN has one record each.

    A record holds the data of the task, its id, the outputs by the names of the controls, the
    annotator, and what else is known of the annotation, in this order.

    Args:
        records: of one task, at least one.
        place: of the task, for messages.
        file: that holds them.
        annotators: is told who annotated it.

    Raises:
        ImageRefusedError: as `said_of_task`.
    """
    chosen = latest(records)
    annotators.see(place, records, chosen)
    record = records[chosen]
    keys = list(record)
    begin = keys.index("id") + 1 if "id" in record else 0
    end = keys.index("annotator") if "annotator" in record else len(keys)
    in_order = begin > 1  # else the data may stand among the outputs, where text means nothing
    annotation = Annotation(said=record.get("annotation_id", 0) is not None)
    for key in keys[begin:end]:
        if in_order or not isinstance(record[key], str):
            _take_output(annotation, record[key])
    data = {key: record[key] for key in (keys[:begin] if in_order else keys)}
    return annotation.of(image_of(data), file)


def latest(annotations: Sequence[Mapping[str, Any]]) -> int:
    """Return which annotation was changed last; of those without a time, the last one."""
    times = [(_time(one), number) for number, one in enumerate(annotations)]
    return max(times)[1]


def _annotation(results: Sequence[Any]) -> Annotation:
    annotation = Annotation()
    read = [one for one in results if _has_value(one)]  # the others relate regions
    labelled = {str(one.get("id")) for one in read if one["type"] in LABEL_KEYS}
    drawn = labelled | {str(one.get("id")) for one in read if one["type"] in _BARE}
    for one in read:
        kind, identity = one["type"], str(one.get("id"))
        if kind == "choices" and (identity not in drawn or one.get("id") is None):
            annotation.choose(one["value"].get("choices"))
        elif kind in LABEL_KEYS or (kind in _BARE and identity not in labelled):
            size = one.get("original_width"), one.get("original_height")
            annotation.draw(one["value"], *size)
        elif kind.endswith("labels") or kind in _UNREAD:
            raise ImageRefusedError(
                "unread-shape", f"a region of {kind} is not read; draw it with a brush or a polygon"
            )
    return annotation


def _has_value(result: object) -> bool:
    return (
        isinstance(result, dict)
        and isinstance(result.get("type"), str)
        and isinstance(result.get("value"), dict)
    )


def _take_output(annotation: Annotation, output: object) -> None:
    """Take what JSON-MIN holds of one control: regions, choices, or one choice as text."""
    if isinstance(output, str):
        annotation.choose(output)
        return
    for value in output if isinstance(output, list) else [output]:
        if not isinstance(value, dict):
            continue
        if has_geometry(value) and "choices" not in value:
            annotation.draw(value, value.get("original_width"), value.get("original_height"))
        elif "choices" in value and not has_geometry(value):
            annotation.choose(value["choices"])


def _cancelled(annotation: Mapping[str, Any]) -> bool:
    return bool(annotation.get("was_cancelled") or annotation.get("skipped"))


def _person(annotation: Mapping[str, Any]) -> str:
    person = annotation.get("completed_by", annotation.get("annotator"))
    if isinstance(person, dict):
        person = person.get("email") or person.get("id")
    return str(person)


def _time(annotation: Mapping[str, Any]) -> datetime:
    for key in ("updated_at", "created_at"):
        try:
            time = datetime.fromisoformat(str(annotation.get(key)))
        except ValueError:
            continue
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return _LONG_AGO


def groups_of(items: Iterator[Any]) -> Iterator[list[Any]]:
    """Yield the records of JSON-MIN that follow each other and are of one task."""
    group: list[Any] = []
    for item in items:
        if group and not _same_task(group[-1], item):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _same_task(one: object, other: object) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    return isinstance(one.get("id"), int) and one["id"] == other.get("id")
