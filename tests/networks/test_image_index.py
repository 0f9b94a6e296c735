import torch

from decouplednet.networks.image_index import of_maps, with_maps


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


def test_one_image_has_any_number_of_maps() -> None:
    pool5 = torch.randn(1, 2, 4)

    for maps in (0, 1, 3):
        (mapped,) = of_maps(torch.zeros(maps, dtype=torch.int64), pool5)

        assert torch.equal(mapped, torch.cat([pool5] * maps) if maps else pool5[:0])
        assert (mapped is pool5) == (maps == 1)


def test_images_without_a_map_are_left_out() -> None:
    images, place = with_maps(torch.tensor([4, 1, 4]), 6)

    assert images.tolist() == [1, 4]
    assert place.tolist() == [1, 0, 1]


def test_one_image_is_there_even_without_a_map() -> None:
    images, place = with_maps(torch.empty(0, dtype=torch.int64), 1)

    assert images.tolist() == [0]
    assert place.shape == (0,)
