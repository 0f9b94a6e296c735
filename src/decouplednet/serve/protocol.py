"""The requests of Label Studio and what is answered, as its protocol of ML backends has them.

Source: the requests that label_studio/ml/api_connector.py sends and the answers that
label_studio/ml/models.py reads (HumanSignal/label-studio, version 1.23).
"""

from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class _Received(BaseModel):
    """What is not read of a request is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class SetupRequest(_Received):
    """A project says how it is labelled; it does so whenever somebody looks at its models.

    It also sends its address and an access token, which are not read: what may be fetched from
    where is up to whoever started the server.
    """

    label_config: str = Field(validation_alias=AliasChoices("schema", "label_config"))


class SetupAnswer(_Sent):
    """Which model answers.

    Label Studio asks again for predictions of tasks only when ``model_version`` changes.
    """

    model_version: str
    notes: list[str]


class Made(_Received):
    """An annotation or a draft: what somebody has made of a task."""

    result: list[dict[str, Any]] | None = None
    was_cancelled: bool | None = None
    created_at: Any = None
    updated_at: Any = None


class Task(_Received):
    """One image with all that people have made of it.

    Where drafts are not told, their numbers may stand in their place.
    """

    id: int | str | None = None
    data: dict[str, Any]
    annotations: list[Made] | None = None
    drafts: list[Made | int] | None = None


class Parameters(_Received):
    """What is sent along; ``context`` holds what somebody has just drawn with a smart tool."""

    context: dict[str, Any] | None = None


class PredictRequest(_Received):
    """A project asks for predictions of tasks; each is read by itself, so that one may fail."""

    tasks: list[Any]
    label_config: str
    params: Parameters | None = None


class BrushValue(_Sent):
    """A mask, see ``encode_brush``."""

    format: Literal["rle"] = "rle"
    rle: list[int]
    brushlabels: list[str]


class PolygonValue(_Sent):
    """A polygon; each point is [x, y] in percent of the image's width and height."""

    points: list[tuple[float, float]]
    closed: Literal[True] = True
    polygonlabels: list[str]


class ChoicesValue(_Sent):
    """The tags of an image."""

    choices: list[str]


class Region(_Sent):
    """One result: the mask, or a polygon, of one class, or the tags.

    ``score`` is the probability of the class; of tags, that of the least probable one.
    """

    id: str
    type: Literal["brushlabels", "polygonlabels", "choices"]
    from_name: str
    to_name: str
    original_width: int
    original_height: int
    image_rotation: Literal[0] = 0
    value: BrushValue | PolygonValue | ChoicesValue
    score: float


class Answer(_Sent):
    """The prediction of one task.

    ``score`` says how sure the model is of the class that it is least sure of, from 0.5 to 1: the
    probability that it is there, or that it is not. ``scores`` holds the probability of each class.
    """

    result: list[Region]
    score: float
    model_version: str
    scores: dict[str, float]
    notes: list[str]


class Refusal(_Sent):
    """Why a task has no prediction.

    Without ``result``, Label Studio writes the line to its log and keeps no prediction, so that the
    task can be asked for again; its labelling page expects one, though it be empty.
    """

    error: str
    result: list[Region] | None = None


class PredictAnswer(_Sent):
    """An answer or a refusal for each task, in their order."""

    results: list[Answer | Refusal]
