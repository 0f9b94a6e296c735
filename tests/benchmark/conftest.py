import pytest
import torch

from decouplednet.benchmark.subject import Subject


@pytest.fixture
def subject() -> Subject:
    return small_subject()


def small_subject(preset: str = "tiny", side: int = 64) -> Subject:
    return Subject(preset, 6, side, None, torch.device("cpu"), seed=3)
