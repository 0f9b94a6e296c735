"""Reading a JSON file of a run into the model of what it holds."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from decouplednet.errors import DataError

M = TypeVar("M", bound=BaseModel)


def read_json(path: Path, model: type[M]) -> M:
    """Return the model that a JSON file holds.

    Raises:
        DataError: it cannot be read, or holds something else; the message names the first fault.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as fault:
        raise DataError(f"{path}: cannot be read: {fault.strerror}") from None
    except ValidationError as faults:
        first = faults.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(f"{path}: {place}: {first['msg']}; was it edited by hand?") from None
