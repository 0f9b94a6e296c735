import torch

from decouplednet.networks.image_index import of_maps


def test_each_map_gets_what_its_image_has() -> None:
    pool5, peak = torch.randn(3, 2, 4, 5), torch.arange(6).view(3, 2)

    mapped = of_maps(torch.tensor([2, 0, 2, 2]), pool5, peak)

    assert torch.equal(mapped[0], torch.stack([pool5[2], pool5[0], pool5[2], pool5[2]]))
    assert mapped[1].tolist() == [[4, 5], [0, 1], [4, 5], [4, 5]]


def test_one_map_of_each_image_in_their_order_is_not_copied() -> None:
    pool5 = torch.randn(3, 2)

    assert of_maps(torch.arange(3), pool5)[0] is pool5
    assert of_maps(torch.arange(2), pool5)[0].shape == (2, 2)


def test_no_map_has_nothing() -> None:
    assert of_maps(torch.empty(0, dtype=torch.int64), torch.randn(3, 2))[0].shape == (0, 2)
