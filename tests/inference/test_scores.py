import pytest
import torch

from decouplednet.errors import ModelError
from tests.inference.small import small_network
from tests.inference.test_predictor import draw, predictor


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_refused(value: float) -> None:
    network = small_network()
    torch.nn.init.constant_(network.classifier.head.score.weight, value)

    message = "^the network's class scores are not finite; compute with precision 32, and if that"
    with pytest.raises(ModelError, match=message):
        predictor(network).scores([draw((11, 7)), draw((5, 9), seed=1)])
