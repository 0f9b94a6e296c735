"""Which images a run learnt from, as it wrote down itself."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from decouplednet.evaluation.json_file import read_json

RUN, MODEL = "run.json", "model"


class RunRoles(BaseModel):
    """Names of the images that gave tags, that gave masks, and that were only scored.

    Attributes:
        tags: images whose tags were learnt.
        masks: images whose masks were learnt.
        validation: images with masks that were only scored.
        calibration: images with tags by which probabilities were calibrated.
    """

    model_config = ConfigDict(frozen=True)

    tags: tuple[str, ...]
    masks: tuple[str, ...]
    validation: tuple[str, ...]
    calibration: tuple[str, ...] = ()


class _Run(BaseModel):
    """The part of ``run.json`` that is read; further keys are left alone."""

    model_config = ConfigDict(frozen=True)

    roles: RunRoles


def read_run_roles(model: Path) -> RunRoles | None:
    """Return what the run of a model learnt from; None where no run lies around the model.

    Args:
        model: a run folder or its ``model/``.

    Raises:
        DataError: ``run.json`` cannot be read, or is damaged.
    """
    place = model.resolve()
    folders = (place, place.parent) if place.name == MODEL else (place,)
    file = next((each / RUN for each in folders if (each / RUN).is_file()), None)
    return None if file is None else read_json(file, _Run).roles
