import pytest
from pydantic import ValidationError

from decouplednet.serve.faults import in_words
from decouplednet.serve.protocol import PredictRequest, Task


def test_the_first_fault_is_named_by_its_place_and_nothing_is_repeated() -> None:
    with pytest.raises(ValidationError) as fault:
        PredictRequest.model_validate({"tasks": "secret", "params": 3})

    assert in_words(fault.value) == "tasks: input should be a valid list"


def test_places_in_lists_are_numbered() -> None:
    with pytest.raises(ValidationError) as fault:
        Task.model_validate({"data": {}, "annotations": [{}, {"result": ["secret"]}]})

    assert in_words(fault.value) == "annotations.1.result.0: input should be a valid dictionary"


def test_a_whole_that_is_wrong_has_no_place() -> None:
    with pytest.raises(ValidationError) as fault:
        Task.model_validate("secret")

    assert in_words(fault.value) == ("input should be a valid dictionary or instance of Task")
