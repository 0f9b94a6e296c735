"""The network that a run starts from."""

import torch

from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.training.plan import Plan
from decouplednet.training.pooling import pooling_of


def start_network(plan: Plan) -> DecoupledNet:
    """Return the untrained network: drawn from the seed, its encoder's weights where given."""
    torch.manual_seed(plan.settings.seed)
    settings = plan.settings.classifier
    network = plan.preset.build(
        len(plan.classes), dropout=settings.dropout, pooling=pooling_of(settings)
    )
    if plan.pretrained is not None:
        network.classifier.encoder.start_from(plan.pretrained)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent in stubs
    return network
