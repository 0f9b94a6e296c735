"""A file of VGG-16 convolutions with random weights, in the place of ImageNet's."""

from pathlib import Path

INPUT = "BGR, 0-255, minus (103.939, 116.779, 123.68), no scaling"


def write_weights(file: Path) -> Path:
    """Write float16 tensors by torchvision's key names, and return the file."""
    import torch
    from safetensors.torch import save_file

    from decouplednet.networks.initialisation import he
    from decouplednet.networks.vgg import VGG

    torch.manual_seed(0)
    encoder = VGG()
    he(encoder)
    tensors = {key: value.half() for key, value in encoder.state_dict().items()}
    save_file(tensors, file, metadata={"input": INPUT})
    return file
