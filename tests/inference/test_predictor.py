from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from decouplednet.classes import ClassList
from decouplednet.errors import DataError, ModelError, SettingsError
from decouplednet.inference.predictor import Predictor
from decouplednet.networks.decouplednet import DecoupledNet
from tests.inference.small import NAMES, answer, small_frame, small_network
from tests.networks.small import paper_parts

SIZES = ((37, 53), (90, 41), (64, 64), (11, 7))
"""Odd, larger, equal and smaller than the side of 64."""


def draw(size: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def predictor(network: DecoupledNet | None = None, **changes: Any) -> Predictor:
    return Predictor(
        network=network or small_network(),
        classes=ClassList(NAMES),
        frame=small_frame(),
        device=torch.device("cpu"),
        **changes,
    )


def count_passes(network: DecoupledNet) -> Counter[str]:
    """Count how many images and maps go through each part from now on."""
    counts: Counter[str] = Counter()

    def counting(name: str, place: int = 0) -> Any:
        def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: object) -> None:
            counts[name] += len(inputs[place])
            counts[f"largest {name}"] = max(counts[f"largest {name}"], len(inputs[place]))

        return count

    network.get_submodule("classifier.encoder").register_forward_hook(counting("encoder"))
    bridge, decoder = paper_parts(network)
    bridge.register_forward_hook(counting("bridge", place=1))  # f_cls; pool5 is of images
    decoder.register_forward_hook(counting("decoder"))
    return counts


def maps_of(network: DecoupledNet, image: NDArray[np.uint8], labels: list[int]) -> torch.Tensor:
    """Return normalised maps (K + 1, H, W) by one full pass per class and one for all."""
    frame = small_frame()
    batch = frame.image(image)[None]
    foreground = []
    for label in labels:
        asked = torch.zeros(1, len(NAMES), dtype=torch.bool)
        asked[0, label] = True
        foreground.append(network(batch, asked).softmax(dim=1)[0, 1])
    asked = torch.zeros(1, len(NAMES), dtype=torch.bool)
    asked[0, labels] = True
    background = network(batch, asked).softmax(dim=1)[0, 0]
    claims = torch.stack([background, *foreground])
    placement = frame.place((image.shape[0], image.shape[1]))
    return frame.restore(claims / claims.sum(dim=0), placement)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("labels", [[1], [0, 2], [0, 1, 2]])
def test_a_prediction_is_what_separate_full_passes_give(
    size: tuple[int, int], labels: list[int]
) -> None:
    network, image = small_network(), draw(size)
    names = [NAMES[label] for label in labels]

    (prediction,) = predictor(network).predict([image], [names])

    expected = maps_of(network, image, labels)
    assert prediction.label_map.shape == size
    assert prediction.label_map.dtype == np.uint8
    assert prediction.identified == tuple(names)
    assert list(prediction.class_maps) == names
    for row, name in enumerate(names, start=1):
        np.testing.assert_allclose(prediction.class_maps[name], expected[row], atol=1e-5)
    winner = expected.argmax(dim=0).numpy()
    indices = np.array([0, *(label + 1 for label in labels)])
    assert (prediction.label_map == indices[winner]).mean() > 0.99
    assert len(np.unique(prediction.label_map)) > 1


def test_class_maps_and_background_sum_to_one() -> None:
    (prediction,) = predictor().predict([draw((37, 53))], [["cat", "dog"]])

    total = sum(prediction.class_maps.values()) + prediction.background_map()

    np.testing.assert_allclose(total, 1, atol=1e-6)
    for class_map in prediction.class_maps.values():
        assert class_map.dtype == np.float32
        assert class_map.min() >= 0
        assert class_map.max() <= 1
    claims = np.stack([prediction.background_map(), *prediction.class_maps.values()])
    winner = np.array([0, 1, 3])[claims.argmax(axis=0)]
    assert (winner == prediction.label_map).mean() > 0.99


@pytest.mark.parametrize(
    ("tags", "passes"), [([], 0), (["cow"], 1), (["cow", "cat"], 3), (["cow", "cat", "dog"], 4)]
)
def test_each_image_is_encoded_once_and_each_identified_class_decoded_once(
    tags: list[str], passes: int
) -> None:
    network = small_network()
    counts = count_passes(network)

    predictor(network).predict([draw((37, 53))], [tags])

    assert counts["encoder"] == 1
    assert counts["bridge"] == counts["decoder"] == passes


def test_a_batch_shares_its_passes_and_leaves_the_order_alone() -> None:
    network = small_network()
    images = [draw(size, seed) for seed, size in enumerate(SIZES)]
    tags = [["dog"], [], ["cat", "cow", "dog"], ["cow", "dog"]]
    alone = [predictor(network).predict([i], [t])[0] for i, t in zip(images, tags, strict=True)]
    counts = count_passes(network)

    together = predictor(network).predict(images, tags)

    assert counts["encoder"] == 4
    assert counts["largest encoder"] == 4
    assert counts["decoder"] == 1 + 0 + 4 + 3
    for one, other in zip(alone, together, strict=True):
        assert one.identified == other.identified
        assert (one.label_map == other.label_map).mean() > 0.999
        assert one.scores == pytest.approx(other.scores, abs=1e-6)
        for name, class_map in one.class_maps.items():
            np.testing.assert_allclose(class_map, other.class_maps[name], atol=1e-5)


def test_an_image_that_is_given_twice_is_encoded_once() -> None:
    network = small_network()
    answer(network, (0.9, 0.4, 0.7))
    first, second = draw((37, 53)), draw((90, 41), seed=1)
    images, tags = [first, second, first, second], [None, ["cow"], ["dog"], None]
    alone = [predictor(network).predict([i], [t])[0] for i, t in zip(images, tags, strict=True)]
    counts = count_passes(network)

    together = predictor(network).predict(images, tags)

    assert counts["encoder"] == 2
    assert counts["decoder"] == 3 + 1 + 1 + 3
    for one, other in zip(alone, together, strict=True):
        assert one.identified == other.identified
        assert one.scores == pytest.approx(other.scores, abs=1e-6)
        for name, class_map in one.class_maps.items():
            np.testing.assert_allclose(class_map, other.class_maps[name], atol=1e-5)


class _ReadAnew(Sequence[NDArray[np.uint8]]):
    """Images that are read again at every look."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < 3:
            raise IndexError
        return draw((20, 30), seed=index)


def test_images_that_are_read_at_every_look_are_told_apart() -> None:
    network = small_network()
    alone = [predictor(network).predict([draw((20, 30), seed=seed)])[0] for seed in range(3)]

    together = predictor(network).predict(_ReadAnew(), [None] * 3)

    assert len({one.scores["cow"] for one in together}) == 3
    for one, other in zip(alone, together, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-6)


def test_maps_at_once_bounds_the_maps_computed_together_and_changes_nothing() -> None:
    network, images = small_network(), [draw((37, 53)), draw((11, 7))]
    expected = predictor(network).predict(images, [NAMES, NAMES])
    counts = count_passes(network)

    got = predictor(network, maps_at_once=3).predict(images, [NAMES, NAMES])

    assert counts["decoder"] == 8
    assert counts["largest decoder"] == counts["largest bridge"] == 3
    for one, other in zip(expected, got, strict=True):
        for name in NAMES:
            np.testing.assert_allclose(one.class_maps[name], other.class_maps[name], atol=1e-5)


def test_the_gate_identifies_what_is_above_the_threshold() -> None:
    network = small_network()
    answer(network, (0.9, 0.4, 0.7))

    (usual,) = predictor(network).predict([draw((11, 7))])
    (high,) = predictor(network, threshold=0.8).predict([draw((11, 7))])
    (low,) = predictor(network, threshold=0.3).predict([draw((11, 7))])
    (never,) = predictor(network, threshold=1.0).predict([draw((11, 7))])

    assert usual.scores == pytest.approx({"cat": 0.9, "cow": 0.4, "dog": 0.7}, abs=1e-6)
    assert usual.identified == ("cat", "dog")
    assert high.identified == ("cat",)
    assert low.identified == ("cat", "cow", "dog")
    assert never.identified == ()


def test_a_probability_equal_to_the_threshold_identifies_nothing() -> None:
    network = small_network()
    answer(network, (0.5, 0.5, 0.5))

    (prediction,) = predictor(network).predict([draw((11, 7))])

    assert prediction.identified == ()


def test_tags_replace_the_gate_and_none_leaves_it() -> None:
    network = small_network()
    answer(network, (0.9, 0.1, 0.1))
    images = [draw((11, 7)), draw((12, 7)), draw((13, 7))]

    gated, tagged, empty = predictor(network).predict(images, [None, {"dog", "cow"}, frozenset()])

    assert gated.identified == ("cat",)
    assert tagged.identified == ("cow", "dog")
    assert empty.identified == ()
    assert gated.scores == tagged.scores == empty.scores


def test_without_an_identified_class_everything_is_background() -> None:
    (prediction,) = predictor().predict([draw((90, 41))], [[]])

    assert prediction.label_map.shape == (90, 41)
    assert not prediction.label_map.any()
    assert prediction.class_maps == {}
    assert np.array_equal(prediction.background_map(), np.ones((90, 41), np.float32))


def test_class_maps_can_be_left_out() -> None:
    image = draw((37, 53))

    (full,) = predictor().predict([image], [["cat"]])
    (lean,) = predictor().predict([image], [["cat"]], class_maps=False)

    assert lean.class_maps == {}
    assert lean.identified == full.identified
    assert np.array_equal(lean.label_map, full.label_map)


def test_the_precision_is_used_and_changes_little() -> None:
    image = draw((64, 64))

    (exact,) = predictor().predict([image], [["cat"]])
    (rough,) = predictor(precision=torch.bfloat16).predict([image], [["cat"]])

    difference = np.abs(exact.class_maps["cat"] - rough.class_maps["cat"])
    assert 0 < difference.mean() < 0.05


def test_an_autocast_around_the_call_is_not_used() -> None:
    (expected,) = predictor().predict([draw((64, 64))], [["cat"]])

    with torch.autocast("cpu", dtype=torch.bfloat16):
        (got,) = predictor().predict([draw((64, 64))], [["cat"]])

    assert np.array_equal(expected.class_maps["cat"], got.class_maps["cat"])


def test_the_training_mode_of_each_part_is_given_back() -> None:
    network = small_network()
    bridge, _ = paper_parts(network)
    bridge.train()
    bridge.pool5_norm.eval()
    before = {name: part.training for name, part in network.named_modules()}
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}

    predictor(network).predict([draw((11, 7))], [["cat"]])

    assert {name: part.training for name, part in network.named_modules()} == before
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())


def test_no_image_gives_no_prediction() -> None:
    assert predictor().predict([]) == []


def test_the_image_is_not_changed() -> None:
    image = draw((37, 53))
    before = image.copy()

    predictor().predict([image], [["cat"]])

    assert np.array_equal(image, before)


def test_an_unknown_tag_is_refused_with_the_nearest_class() -> None:
    with pytest.raises(DataError, match=r"there is no class 'caw'; did you mean 'cow'\?"):
        predictor().predict([draw((11, 7))], [["caw"]])


def test_one_text_in_place_of_tags_is_refused() -> None:
    with pytest.raises(DataError, match=r"collection of names such as \{'cat'\}, not one text"):
        predictor().predict([draw((11, 7))], ["cat"])


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(threshold: float) -> None:
    with pytest.raises(SettingsError, match=r"threshold = .*: a probability lies in 0 to 1"):
        predictor(threshold=threshold)


def test_no_map_at_once_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"maps_at_once = 0: at least 1"):
        predictor(maps_at_once=0)


def test_tags_for_another_number_of_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 images, but tags for 1"):
        predictor().predict([draw((11, 7)), draw((11, 7))], [["cat"]])


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("classifier.head.score.weight", "class scores"),
        ("classifier.encoder.features.0.bias", "class scores"),
        ("bridge.layers.0.weight", "class maps"),
        ("decoder.groups.2.0.weight", "class maps"),
        ("decoder.score.weight", "class maps"),
    ],
)
def test_output_that_is_not_finite_is_refused(name: str, what: str) -> None:
    network = small_network()
    with torch.no_grad():
        network.get_parameter(name).view(-1)[0] = float("nan")

    with pytest.raises(
        ModelError, match=f"network's {what} are not finite; compute with precision"
    ):
        predictor(network).predict([draw((11, 7))], [["cat"]])
