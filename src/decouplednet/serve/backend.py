"""A model that answers tasks of Label Studio, one after the other."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from decouplednet.errors import DataError, UserError
from decouplednet.inference.prediction import Prediction
from decouplednet.inference.predictor import Predictor
from decouplednet.serve.faults import in_words
from decouplednet.serve.images import ImageSources
from decouplednet.serve.labelling import LabellingConfig, read_labelling_config
from decouplednet.serve.labels import Labels, match_labels
from decouplednet.serve.log import LOG
from decouplednet.serve.people import PeoplesTags, peoples_tags
from decouplednet.serve.protocol import Answer, Refusal, Task
from decouplednet.serve.regions import Target, mask_regions, tag_regions


@dataclass(frozen=True, slots=True)
class Project:
    """How a project is labelled, in terms of the model.

    Args:
        config: its labelling config.
        labels: where classes are answered.
    """

    config: LabellingConfig
    labels: Labels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backend:
    """Answers tasks; it keeps nothing of them.

    Args:
        predictor: of the model; it is to be used by one thread at a time.
        sources: where images come from.
        version: of the model.
    """

    predictor: Predictor
    sources: ImageSources
    version: str

    def project(self, label_config: str) -> Project:
        """Return how a project is labelled.

        Args:
            label_config: its XML.

        Raises:
            DataError: it cannot be read, or names no class of the model.
        """
        config = read_labelling_config(label_config)
        return Project(config, match_labels(config, self.predictor.classes))

    def answer(
        self, task: Any, project: Project, context: Mapping[str, Any] | None
    ) -> Answer | Refusal:
        """Return the prediction of one task, or one line that says why there is none.

        Whatever goes wrong, other tasks can be answered; what is no fault of the task is logged.

        Args:
            task: as it was sent.
            project: that it belongs to.
            context: what the labelling page has sent along, which gets masks alone: the choices
                that led to them stand there already. It also sends word when what was drawn is
                gone, and then gets nothing. None for a task of a list.
        """
        name = "task"
        try:
            read = _read(task)
            name = f"task {read.id}" if read.id is not None else name
            _check_drawn(context)
            return self._answer(read, project, context)
        except UserError as fault:
            line = f"{name}: {fault}"
        except Exception:
            logging.getLogger(LOG).exception("a task failed")
            line = f"{name}: a fault of the server, which its log tells of"
        return Refusal(error=line, result=None if context is None else [])

    def _answer(self, task: Task, project: Project, context: Mapping[str, Any] | None) -> Answer:
        pixels = self.sources.read(_address(task, project.config.field))
        given = peoples_tags(task, context, project.labels.choices)
        prediction = self._predict(pixels, given)
        target = Target(project.config.image, *prediction.label_map.shape)
        drawn = mask_regions(prediction, self.predictor.classes, project.labels.masks, target)
        tags = tag_regions(prediction, project.labels.choices, target) if context is None else ()
        unknown = [
            f"choice {name!r} is no class of the model and gates nothing"
            for name in (given.unknown if given else ())
        ]
        return Answer(
            result=[*tags, *drawn.regions],
            score=min(max(score, 1 - score) for score in prediction.scores.values()),
            model_version=self.version,
            scores=dict(prediction.scores),
            notes=[*unknown, *drawn.notes],
        )

    def _predict(self, pixels: NDArray[np.uint8], given: PeoplesTags | None) -> Prediction:
        tags = None if given is None else given.tags
        return self.predictor.predict([pixels], [tags], class_maps=False)[0]


def _read(task: Any) -> Task:
    try:
        return Task.model_validate(task)
    except ValidationError as fault:
        raise DataError(in_words(fault)) from None


def _check_drawn(context: Mapping[str, Any] | None) -> None:
    if context is not None and context.get("result") == []:
        raise DataError("nothing is drawn with a smart tool")


def _address(task: Task, field: str) -> str:
    address = task.data.get(field)
    if not isinstance(address, str):
        raise DataError(f"its data holds no address of an image at {field!r}")
    return address
