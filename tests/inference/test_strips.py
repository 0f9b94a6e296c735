"""Large images strip by strip: the same prediction, and no tensor that grows with the image."""

from typing import Any

import numpy as np
import pytest
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from decouplednet.inference import predictor as module
from decouplednet.inference.procedure import Procedure
from decouplednet.inference.strips import strips, widened
from tests.inference.small import small_network
from tests.inference.test_predictor import draw, predictor

PROCEDURES = {
    "plain": Procedure(),
    "views": Procedure(flip=True, scales=(1.0, 1.5)),
    "refined": Procedure(refinement="guided", refinement_radius=0.05, flip=True),
}


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (3, 40), (101, 13)])
def test_strips_have_each_row_once_and_in_order(size: tuple[int, int]) -> None:
    parts = list(strips(size, most=30))

    assert [row for rows in parts for row in rows] == list(range(size[0]))
    assert all(len(rows) == 1 or len(rows) * size[1] <= 30 for rows in parts)


def test_a_strip_has_twice_as_many_rows_as_its_margin() -> None:
    assert [len(rows) for rows in strips((23, 40), margin=5, most=1)] == [10, 10, 3]
    assert [len(rows) for rows in strips((23, 40), margin=5, most=12 * 40)] == [12, 11]


def test_strips_are_widened_as_far_as_the_image_goes() -> None:
    assert widened(range(2, 5), 2, 9) == range(7)
    assert widened(range(6, 9), 2, 9) == range(4, 9)


@pytest.mark.parametrize("name", PROCEDURES)
@pytest.mark.parametrize("tags", [None, {"cat", "dog"}, set()])
def test_a_prediction_in_strips_is_the_prediction(
    name: str, tags: set[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, predicts = draw((61, 43)), predictor(small_network(seed=1), procedure=PROCEDURES[name])
    (whole,) = predicts.predict([image], [tags])
    monkeypatch.setattr(module, "strips", lambda size, margin: strips(size, margin, most=5 * 43))

    (striped,) = predicts.predict([image], [tags])
    (alone,) = predicts.predict([image], [tags], class_maps=False)

    for kind, of_kind in whole.class_maps.items():
        np.testing.assert_allclose(striped.class_maps[kind], of_kind, atol=1e-6)
    assert (striped.label_map != whole.label_map).mean() < 0.002  # ties within rounding
    np.testing.assert_array_equal(alone.label_map, striped.label_map)
    assert striped.class_maps.keys() == whole.class_maps.keys()


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not type it
    """Notes how many values the largest floating-point tensor has that anything makes."""

    values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor) and leaf.is_floating_point():
                self.values = max(self.values, leaf.numel())
        return made


@pytest.mark.parametrize("name", PROCEDURES)
def test_no_tensor_grows_with_the_image(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "strips", lambda size, margin: strips(size, margin, most=2000))
    predicts = predictor(small_network(), procedure=PROCEDURES[name])
    most = []
    for height in (300, 3000):
        with Largest() as largest:  # type: ignore[no-untyped-call]  # the same
            predicts.predict([draw((height, 40))], [{"cat", "dog"}], class_maps=False)
        most.append(largest.values)

    # A square of the refinement grows with the image; its margins lie around the strip.
    allowed = 1.0 if name != "refined" else 3000 / 300
    assert most[1] <= allowed * most[0]
    assert most[1] < len(predicts.views()) * 3000 * 40 * 3 / 2  # half of the whole maps
