"""Biases far larger than what a layer's weights add to them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from approx.network import Approximation, Numerics, convert


@pytest.mark.parametrize(
    "layer", [nn.Linear(8, 4), nn.Conv1d(8, 4, 3, padding=1), nn.ConvTranspose1d(8, 4, 3)]
)
@pytest.mark.parametrize("size", [1e-3, 1e-7, 0.0])
def test_the_accumulators_hold_a_large_bias(
    agrees: Callable[..., Any], layer: nn.Module, size: float
) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        layer.weight.uniform_(-size, size)
        layer.bias.copy_(torch.tensor([3.0, -0.5, 1.0, 0.0]))
    agrees(layer, (torch.randn(3, 8, 8),))


def test_a_large_bias_needs_no_wider_accumulators() -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(64, 4), torch.randn(3, 64)
    with torch.no_grad():
        layer.weight.mul_(1e-6)
    converted = convert(layer, (x,), Approximation(32), calibration=[(x,)], numerics=Numerics("int8"))
    assert converted.accumulator == 32
