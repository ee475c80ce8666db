"""Converted networks whose outputs are far from the exact conversion's say so, once."""

import warnings

import pytest
import torch
from torch import Tensor, nn

from approx import QualityWarning
from approx.network import Approximation, ConvertedModule, Numerics, convert


class Scales(nn.Module):
    """Rows of very different sizes, which one word cannot hold, normalized after a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(8, 8, bias=False), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.last(self.norm(self.first(x)))
        return result


def converted(numerics: str) -> tuple[ConvertedModule, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(32, 8) * torch.logspace(-6, 3, 32)[:, None]
    made = convert(Scales().eval(), (x,), Approximation(64), calibration=[(x[::4],)])
    made.set_numerics(Numerics(numerics))
    return made, x


def test_a_far_result_is_said_once_with_the_site_where_it_begins() -> None:
    network, x = converted("int8")
    with pytest.warns(QualityWarning, match=r"in int8 .* the outputs .* begins at") as said:
        network(x)
    assert any(place in str(said[0].message) for place in ("first.linear", "norm."))
    with warnings.catch_warnings():
        warnings.simplefilter("error", QualityWarning)
        network(x)
    network.set_numerics(Numerics("int4"))
    with pytest.warns(QualityWarning, match="in int4"):
        network(x)


@pytest.mark.parametrize("data", ["fp32", "bf16", "fp16", "int8", "int16"])
def test_nothing_is_said_of_what_is_near(data: str) -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.LayerNorm(8)).eval(), torch.randn(20, 8)
    network = convert(model, (x,), Approximation(16), calibration=[(x,)])
    network.set_numerics(Numerics(data))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error", QualityWarning)
        network(x)


def test_tables_that_are_too_small_are_blamed() -> None:
    torch.manual_seed(0)
    x = 10 * torch.randn(40, 4)

    class Waves(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sin(3 * x)

    network = convert(Waves().eval(), (x,), Approximation(2), calibration=[(x,)])
    with pytest.warns(QualityWarning, match=r"in fp32 .*begins at sin"):
        network(x)


@torch.no_grad()
def test_an_angle_that_is_too_coarse_for_its_periods_is_said_with_its_error() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    network = nn.Sequential(nn.Linear(4, 4), _Sine()).eval()
    converted = convert(network, (x,), Approximation(segments=32), calibration=[(x,)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        converted.set_numerics(Numerics("int16"))
        converted(x)
    converted.set_numerics(Numerics("int8"))
    with pytest.warns(
        QualityWarning, match=r"the angle that 1\.round reduces by its periods is 0\.[01]"
    ) as said:
        converted(x)
    wide = {"0.linear": {"weights": 16, "activations": 16}}
    assert str(said[0].message).endswith(f"; Numerics('int8', layers={wide}) has more")
    converted.set_numerics(Numerics("int8", layers=wide))
    assert (converted(x) - network(x)).abs().max() < 0.02


class _Sine(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(30 * x)
