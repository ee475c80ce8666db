"""Functions, scans, complex values and scattering: exact, by tables, in fixed point, and in the machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from approx.cpwl import fit
from approx.network import trace
from tests.approx.network.forms import Net, holds_in_every_form

Network = Callable[[Any, Tensor], Tensor]
INDEX = torch.tensor([0, 1, 1, 3, 3, 3, 0, 1])[:, None].expand(-1, 4)


def _splines(m: Any, x: Tensor) -> Tensor:
    """Cubic B-splines, as a Kolmogorov-Arnold network has them."""
    grid = torch.arange(-5, 9) * 0.5 - 0.5
    y = m.linear(x).unsqueeze(-1)
    b = ((y >= grid[:-1]) & (y < grid[1:])).to(x.dtype)
    for k in range(1, 4):
        rising = (y - grid[: -(k + 1)]) / (grid[k:-1] - grid[: -(k + 1)]) * b[..., :-1]
        b = rising + (grid[k + 1 :] - y) / (grid[k + 1 :] - grid[1:-k]) * b[..., 1:]
    return b.flatten(1) @ torch.linspace(-1, 1, 3 * b.shape[-1] * 4).view(-1, 3)


def _rotary(m: Any, x: Tensor) -> Tensor:
    turns = torch.polar(torch.ones(2), torch.tensor([0.5, 1.5]))
    pairs = torch.view_as_complex(m.linear(x).reshape(8, 2, 2))
    return torch.view_as_real(pairs * turns).flatten(1)


def _filtered(m: Any, x: Tensor) -> Tensor:
    weight = torch.complex(m.linear.weight[0, :3], m.linear.weight[1, :3])
    return torch.fft.irfft(torch.fft.rfft(x, norm="ortho") * weight, n=4, norm="ortho")


def _at_grid(m: Any, x: Tensor) -> Tensor:
    turn = torch.tensor([[[0.8, 0.2, 0.1], [-0.2, 0.7, 0.0]]])
    grid = F.affine_grid(turn, [1, 1, 5, 3], align_corners=False).expand(2, -1, -1, -1)
    return F.grid_sample(m.linear(x).view(2, 1, 4, 4), grid, align_corners=False)


CASES: dict[str, Network] = {
    "angles": lambda m, x: torch.atan(m.linear(x)) + torch.atan2(x, m.linear(x)) + torch.asin(x.tanh()),
    "hyperbolic": lambda m, x: (
        torch.asinh(x) + torch.acosh(1 + m.linear(x).abs()) + torch.atanh(x.tanh() / 2)
    ),
    "lengths": lambda m, x: torch.hypot(m.linear(x), x) + torch.cdist(x, m.linear.weight),
    "near one": lambda m, x: torch.expm1(m.linear(x)) + torch.log1p(x.abs()) + torch.acos(x.tanh()),
    "errors": lambda m, x: torch.erfc(m.linear(x)) + torch.erfinv(x.tanh() * 0.9) + torch.logit(x.sigmoid()),
    "gamma": lambda m, x: torch.lgamma(m.linear(x).abs() + 0.5) + torch.digamma(x.abs() + 1),
    "power of two values": lambda m, x: (m.linear(x).abs() + 0.1) ** x,
    "a sine over many periods": lambda _, x: torch.sin(60 * x) + torch.cos(x),
    "encoded positions": lambda m, x: (
        torch.cat([torch.sin(2.0**i * x) for i in range(8)], -1) @ torch.ones(32, 2)
    ),
    "splines": _splines,
    "rotary": _rotary,
    "filtered spectrum": _filtered,
    "spectrum in both axes": lambda m, x: torch.fft.fft2(m.linear(x).view(2, 4, 4)).real,
    "size of a spectrum": lambda m, x: torch.fft.rfft(m.linear(x)).abs(),
    "a constant grid": _at_grid,
    "the largest together": lambda m, x: torch.zeros(5, 4).scatter_reduce(
        0, INDEX, m.linear(x), "amax", include_self=False
    ),
    "the least and the mean together": lambda m, x: (
        torch.zeros(5, 4).scatter_reduce(0, INDEX, m.linear(x), "amin")
        + torch.zeros(5, 4).scatter_reduce(0, INDEX, m.linear(x), "mean", include_self=False)
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_function_agrees_with_the_original_in_every_form(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    holds_in_every_form(Net(CASES[name]).eval(), torch.randn(8, 4), tmp_path)


def test_a_sine_of_a_wide_range_is_exact_and_counts_no_jump() -> None:
    x = torch.linspace(-8000, 8000, 4001)[:, None].expand(-1, 2)
    program = trace(Net(lambda _, x: torch.sin(x * 1.0) + torch.cos(x * 1.0)).eval(), (x,))
    torch.testing.assert_close(program.graph_module(x)[0], torch.sin(x) + torch.cos(x), rtol=0, atol=2e-6)
    assert program.certificate().jumps == ()
    assert trace(Net(lambda _, x: torch.round(x * 1.0)).eval(), (x,)).certificate().jumps == (
        "round_default",
    )


def test_the_angle_is_right_in_every_octant_and_at_the_origin() -> None:
    x = torch.tensor([[1.0, 2], [2, 1], [-1, 2], [-2, 1], [1, -2], [-2, -1], [0, 1], [0, -1], [1, 0], [0, 0]])
    network = Net(lambda _, x: torch.atan2(x[:, 0] * 1.0, x[:, 1] * 1.0))
    (got,) = trace(network.eval(), (x,)).graph_module(x)
    torch.testing.assert_close(got, torch.atan2(x[:, 0], x[:, 1]))


def test_a_logarithm_of_what_is_left_out_has_a_table_of_what_is_not(tmp_path: Path) -> None:
    network = Net(lambda m, x: torch.where(x * 1.0 > 0.01, (x * 1.0).log(), x)).eval()
    x = torch.cat([-torch.rand(8, 4) - 1, torch.rand(8, 4) + 0.02])
    with pytest.warns(UserWarning, match="inputs of log for which the function is not a number"):
        holds_in_every_form(network, x, tmp_path)


@pytest.mark.parametrize(
    "name", ["atan", "asin", "acos", "asinh", "acosh", "atanh", "erfinv", "lgamma", "digamma"]
)
def test_derivatives_of_the_catalogue_are_those_of_the_function(name: str) -> None:
    table = fit(name, segments=8)
    function, (lo, hi) = table.reference(), table.domain
    x = np.linspace(lo, hi, 12)[1:-1]
    step = 1e-5
    first = (function(x + step) - function(x - step)) / (2 * step)
    second = (function.first(x + step) - function.first(x - step)) / (2 * step)
    np.testing.assert_allclose(function.first(x), first, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(function.second(x), second, rtol=1e-5, atol=1e-8)
