"""Convolutions of every kind in fixed point."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from approx.network import Numerics, convert

PLAIN = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def image(axes: int, channels: int = 4) -> Tensor:
    return torch.randn(2, channels, *((9,), (6, 7), (5, 4, 6))[axes - 1])


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": 1, "stride": 2},
        {"padding": 2, "dilation": 2, "groups": 2},
        {"padding": "same", "groups": 4},
        {"padding": 1, "padding_mode": "circular"},
        {"padding": 1, "padding_mode": "replicate", "bias": False},
        {"padding": 1, "padding_mode": "reflect"},
    ],
    ids=str,
)
def test_a_convolution(agrees: Callable[..., Any], axes: int, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    agrees(PLAIN[axes - 1](4, 8, 3, **options), (image(axes),))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"groups": 2, "stride": 2},
        {"groups": 4, "dilation": 2, "padding": 1, "bias": False},
    ],
    ids=str,
)
def test_a_transposed_convolution(agrees: Callable[..., Any], axes: int, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    agrees(TRANSPOSED[axes - 1](4, 8, 3, **options), (image(axes),))


def test_transposed_weights_have_a_step_for_each_output_channel() -> None:
    torch.manual_seed(0)
    layer, x = nn.ConvTranspose1d(4, 6, 3, groups=2, stride=2), torch.randn(50, 4, 8)
    with torch.no_grad():
        layer.weight.mul_(torch.tensor([1.0, 100.0, 0.01])[:, None])
        layer.bias.mul_(torch.tensor([1.0, 100.0, 0.01, 1.0, 100.0, 0.01]))
    converted = convert(layer, (x,), calibration=[(x,)], numerics=Numerics("int8", elementwise=16))
    (step,) = (step for step in converted.plan.values() if step.fraction is not None)
    assert isinstance(step.fraction, tuple)
    assert len(step.fraction) == 6
    assert step.fraction[2] - step.fraction[1] >= 12


@st.composite
def layers(draw: st.DrawFn) -> nn.Module:
    axes, groups = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 4]))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    stride = draw(st.integers(1, 3))
    options: dict[str, Any] = {
        "stride": stride,
        "padding": draw(st.integers(0, 2)),
        "dilation": draw(st.integers(1, 2)),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    outputs = groups * draw(st.integers(1, 3))
    torch.manual_seed(draw(st.integers(0, 99)))
    if draw(st.booleans()):
        options["output_padding"] = draw(st.integers(0, max(stride, options["dilation"]) - 1))
        return TRANSPOSED[axes - 1](4, outputs, kernel, **options)
    return PLAIN[axes - 1](4, outputs, kernel, **options)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layer=layers(), data=st.sampled_from(["int8", "int16", "int5"]))
def test_any_convolution_has_the_same_bits_every_way(
    same_bits: Callable[..., Tensor], layer: nn.Module, data: str
) -> None:
    axes = layer.weight.dim() - 2  # type: ignore[operator, union-attr]
    x = image(axes)
    with torch.no_grad():
        try:
            if layer(x).numel() == 0:
                return
        except RuntimeError:  # the window is larger than the image
            return
    converted = convert(layer, (x,), calibration=[(x,)], numerics=Numerics(data))
    same_bits(converted, (3 * x,))
