import re
import sys
from typing import Any

import pytest
import torch
from torch import nn

from decouplednet.errors import ModelError
from decouplednet.networks.backbone import (
    Backbone,
    BackboneEncoder,
    backbone_of,
    first_line,
    plain_config,
    spread_levels,
)
from tests.networks.backbones import (
    CONFIGS,
    FAMILIES,
    HIERARCHICAL,
    images_for,
    library_backbone,
    small_backbone,
)

each_family = pytest.mark.parametrize("family", FAMILIES)


def encoder_of(family: str) -> BackboneEncoder:
    torch.manual_seed(1)
    return BackboneEncoder(small_backbone(family)).eval()


def test_levels_channels_and_strides_are_those_of_the_families() -> None:
    found = {name: small_backbone(name) for name in FAMILIES}

    assert {name: one.channels for name, one in found.items()} == {
        "resnet": (8, 10, 12, 14),
        "convnext": (7, 9, 11, 13),
        "swin": (4, 8, 16, 32),
        "dinov2": (12, 12, 12, 12),
    }
    for name in HIERARCHICAL:
        assert found[name].levels == ("stage1", "stage2", "stage3", "stage4")
        assert found[name].strides == (4, 8, 16, 32)
    assert found["dinov2"].levels == ("stage2", "stage3", "stage4", "stage5")
    assert found["dinov2"].strides == (14, 14, 14, 14)


@each_family
def test_every_level_of_an_image_that_is_not_square_has_its_channels_and_stride(
    family: str,
) -> None:
    encoder, backbone = encoder_of(family), small_backbone(family)
    image = images_for(backbone)

    with torch.no_grad():
        encoded = encoder.encode(image)

    assert encoded.switches == ()
    for level, channels, stride in zip(
        (*encoded.skips, encoded.pool5), backbone.channels, backbone.strides, strict=True
    ):
        size = (image.shape[2] // stride, image.shape[3] // stride)
        assert level.shape == (2, channels, *size)
    assert encoder.stride == backbone.strides[-1]


@each_family
def test_an_image_in_a_batch_is_seen_as_by_itself(family: str) -> None:
    encoder, image = encoder_of(family), images_for(small_backbone(family))

    with torch.no_grad():
        together = encoder.encode(image)
        alone = [encoder.encode(image[place : place + 1]) for place in range(2)]

    apart = torch.cat([one.pool5 for one in alone])
    torch.testing.assert_close(together.pool5, apart, rtol=1e-4, atol=1e-5)
    for level, skip in enumerate(together.skips):
        apart = torch.cat([one.skips[level] for one in alone])
        torch.testing.assert_close(skip, apart, rtol=1e-4, atol=1e-5)


@each_family
def test_every_level_equals_that_of_the_library_s_own_backbone(family: str) -> None:
    import transformers

    config = transformers.AutoConfig.for_model(**CONFIGS[family])
    config.out_features = list(small_backbone(family).levels)
    torch.manual_seed(1)
    library = library_backbone(config).eval()
    encoder, image = encoder_of(family), images_for(small_backbone(family))

    with torch.no_grad():
        encoded, expected = encoder.encode(image), library(image).feature_maps

    for got, level in zip((*encoded.skips, encoded.pool5), expected, strict=True):
        assert torch.equal(got, level)


@each_family
def test_a_config_goes_through_json_and_gives_the_same_backbone(family: str) -> None:
    import transformers

    full = transformers.AutoConfig.for_model(**CONFIGS[family]).to_dict()

    assert backbone_of(backbone_of(full).config) == backbone_of(full)
    assert backbone_of(full).channels == small_backbone(family).channels


def test_a_backbone_is_one_group() -> None:
    encoder, image = encoder_of("convnext"), images_for(small_backbone("convnext"))

    assert encoder.group_count == 1
    assert encoder.group(0) == [encoder.backbone]
    with pytest.raises(IndexError):
        encoder.group(1)
    with torch.no_grad():
        assert encoder.run_groups(image, range(0)).pool5 is image
        ran = encoder.run_groups(image, range(1))
        assert torch.equal(ran.pool5, encoder.encode(image).pool5)
    assert len(ran.skips) == 3


@pytest.mark.parametrize(
    ("strides", "grids"),
    [
        ((4, 8, 16, 32), (2, 4, 8)),
        ((14, 14, 14, 14), (1, 2, 4)),
        ((16, 32), (2,)),
        ((16,), ()),
        ((4, 8, 16, 16), (1, 2, 4)),
    ],
)
def test_each_level_of_a_decoder_is_finer_than_the_one_below(
    strides: tuple[int, ...], grids: tuple[int, ...]
) -> None:
    assert Backbone({}, (), (), strides).grids() == grids


@pytest.mark.parametrize(
    ("count", "taken"),
    [(1, (1,)), (3, (1, 2, 3)), (4, (1, 2, 3, 4)), (5, (2, 3, 4, 5)), (24, (6, 12, 18, 24))],
)
def test_levels_are_spread_over_the_depth_and_end_with_the_last(
    count: int, taken: tuple[int, ...]
) -> None:
    assert spread_levels([str(n) for n in range(1, count + 1)]) == tuple(str(n) for n in taken)


def test_what_would_run_or_fetch_something_is_no_part_of_a_config() -> None:
    config = {
        "model_type": "dinov2",
        "auto_map": {"AutoBackbone": "evil.Backbone"},
        "attn_implementation": "kernels-community/evil",
        "_attn_implementation": "kernels-community/evil",
        "_name_or_path": "somewhere/private",
        "quantization_config": {"bits": 4},
        "dtype": "float16",
        "id2label": {"0": "cat"},
        "out_features": ["stage1"],
        "return_dict": False,
        "nested": {"_attn_implementation": "evil", "kept": (1, 2)},
    }

    assert plain_config(config) == {"model_type": "dinov2", "nested": {"kept": [1, 2]}}
    built = BackboneEncoder(backbone_of({**CONFIGS["dinov2"], **config})).eval()
    assert {weight.dtype for weight in built.parameters()} == {torch.float32}


def test_trained_weights_are_taken_by_their_names() -> None:
    source, encoder = encoder_of("swin"), BackboneEncoder(small_backbone("swin"))
    image = images_for(small_backbone("swin"))

    encoder.start_from(source.backbone.state_dict())

    with torch.no_grad():
        expected = source.encode(image).pool5
        assert torch.equal(encoder.eval().encode(image).pool5, expected)


def test_weights_of_another_backbone_are_refused() -> None:
    tensors = dict(encoder_of("resnet").backbone.state_dict())
    first = sorted(tensors)[0]
    tensors[first] = tensors[first][:1]
    tensors["more"] = torch.zeros(1)

    with pytest.raises(
        ModelError,
        match=rf"^{re.escape(first)} is the first of 2 tensors that differ from those of backbone "
        "resnet$",
    ):
        encoder_of("resnet").start_from(tensors)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "model_type None is no backbone of transformers .*; expected one such as dinov2"),
        ({"model_type": "dinov9"}, "model_type 'dinov9' is no backbone of transformers"),
        ({"model_type": "timm_backbone"}, "model_type 'timm_backbone' is no backbone of"),
        ({"model_type": "bert"}, "model_type 'bert' has no levels of features that transformers"),
        (
            {**CONFIGS["resnet"], "hidden_sizes": "x"},
            "backbone resnet: transformers cannot use its config: .*hidden_sizes",
        ),
        (
            {**CONFIGS["resnet"], "num_channels": 4},
            "backbone resnet: transformers cannot use its config: ",
        ),
        (
            {**CONFIGS["dinov2"], "patch_size": 10},
            "^a level of 67 x 67 positions of 672 x 672 pixels: expected a whole number of pixels",
        ),
        (
            {**CONFIGS["dinov2"], "reshape_hidden_states": False},
            "backbone dinov2: transformers cannot use its config: ",
        ),
    ],
)
def test_a_config_that_gives_no_backbone_is_refused_in_one_line(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message) as refused:
        backbone_of(config)

    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_without_transformers_one_line_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)

    with pytest.raises(
        ModelError,
        match=r"^preset modern needs the package transformers, which is not installed; install it "
        r"with python -m pip install 'decouplednet\[modern\]'$",
    ):
        backbone_of(CONFIGS["resnet"])


def test_a_long_fault_becomes_one_short_line() -> None:
    assert first_line(ValueError("one\n  two")) == "one two"
    assert first_line(ValueError()) == "ValueError"
    assert first_line(ValueError("x" * 999)) == "x" * 200 + "..."


def test_the_backbone_starts_from_the_seed() -> None:
    one, same = encoder_of("convnext").state_dict(), encoder_of("convnext").state_dict()
    torch.manual_seed(2)
    other = BackboneEncoder(small_backbone("convnext"))

    assert all(torch.equal(tensor, same[key]) for key, tensor in one.items())
    assert isinstance(other, nn.Module)
    assert any(not torch.equal(tensor, one[key]) for key, tensor in other.state_dict().items())
