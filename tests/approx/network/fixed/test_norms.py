"""Norms in every number format: rows of zeros, of one value, with outliers; statistics of the batch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from approx.network import Approximation, Numerics, convert

Make = Callable[[], tuple[nn.Module, Tensor]]


def rows(first: float, *sizes: int) -> Tensor:
    """Normal rows, of which the first of each sample have one value."""
    x = torch.randn(*sizes, generator=torch.Generator().manual_seed(0))
    x[:, 0] = first
    return x


class Normalized(nn.Module):
    """x over its length, which is at least 1e-12."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(x, dim=-1)


class Similarity(nn.Module):
    """The cosine of x and a layer of it, of lengths that are at least 1e-8."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.cosine_similarity(self.linear(x), x, dim=-1)


class ByDeviation(nn.Module):
    """Written by hand: the deviation's reciprocal, eps outside the root."""

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return centred / ((centred * centred).mean(-1, keepdim=True).sqrt() + 1e-6)


def trained(norm: nn.Module) -> nn.Module:
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return norm


NORMS: dict[str, Make] = {
    **{
        f"layer norm, eps {eps}, rows of {value}": lambda eps=eps, value=value: (
            nn.Sequential(nn.LayerNorm(8, eps=eps), nn.Linear(8, 4)),
            rows(value, 3, 4, 8),
        )
        for eps in (1e-12, 1e-5)
        for value in (0.0, 0.25, -3.0)
    },
    "rms norm, a row of zeros": lambda: (nn.RMSNorm(16, eps=1e-6), rows(0.0, 2, 3, 16)),
    "rms norm, an outlier": lambda: (
        nn.RMSNorm(64, eps=1e-6),
        torch.cat([rows(0.5, 2, 3, 63), torch.full((2, 3, 1), 3000.0)], 2),
    ),
    "group norm, a channel of one value": lambda: (trained(nn.GroupNorm(4, 4)), rows(0.3, 2, 4, 5, 6)),
    "instance norm": lambda: (nn.InstanceNorm1d(4, affine=True), rows(0.3, 3, 4, 9)),
    "instance norm in two dimensions": lambda: (nn.InstanceNorm2d(4), rows(0.0, 3, 4, 5, 6)),
    "batch statistics": lambda: (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
        rows(0.0, 3, 3, 6, 7),
    ),
    "batch statistics, one dimension": lambda: (
        trained(nn.BatchNorm1d(5, track_running_stats=False)),
        torch.randn(12, 5, generator=torch.Generator().manual_seed(0)),
    ),
    "layer norm, rows of 0.05 beside rows of 1": lambda: (
        nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 4)),
        0.05 ** (torch.arange(4) < 2).float()[:, None] * rows(1.0, 3, 4, 8),
    ),
    "normalize, a row of zeros": lambda: (Normalized(), rows(0.0, 2, 3, 16)),
    "cosine similarity, a row of zeros": lambda: (Similarity(), rows(0.0, 3, 4, 8)),
    "by hand": lambda: (ByDeviation(), rows(0.0, 2, 3, 16)),
}


@pytest.mark.parametrize("name", NORMS)
def test_a_norm(agrees: Callable[..., Any], name: str) -> None:
    torch.manual_seed(0)
    network, x = NORMS[name]()
    agrees(network, (x,))


@pytest.mark.parametrize("data", ["fp16", "bf16"])
@pytest.mark.parametrize("name", NORMS)
def test_a_norm_in_half_precision(name: str, data: str) -> None:
    torch.manual_seed(0)
    network, x = NORMS[name]()
    converted = convert(network.eval(), (x,), Approximation(32), calibration=[(x,)], numerics=Numerics(data))
    with torch.no_grad():
        got, wanted = converted(x), network(x)
    assert got.isfinite().all()
    assert (got - wanted).abs().max() < (0.01 if data == "fp16" else 0.05) * wanted.abs().max()
