"""The network that a run starts from."""

import torch

from decouplednet.networks.decouplednet import DecoupledNet
from decouplednet.networks.vgg import load_convolutions
from decouplednet.training.plan import Plan
from decouplednet.training.pooling import pooling_of


def start_network(plan: Plan) -> DecoupledNet:
    """Return the untrained network: drawn from the seed, its convolutions loaded where given."""
    torch.manual_seed(plan.settings.seed)
    settings = plan.settings.classifier
    network = plan.preset.build(
        len(plan.classes), dropout=settings.dropout, pooling=pooling_of(settings)
    )
    if plan.pretrained:
        load_convolutions(network.classifier.encoder, plan.pretrained.tensors)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent in stubs
    return network
