"""Masks in fixed point: of any magnitude and origin, seen in calibration or not."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from approx.network import Approximation, Numerics, convert

MIN = torch.finfo(torch.float32).min
PADDING = torch.tensor(
    [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0]], dtype=torch.int64
)
HIDDEN_ROW = PADDING.clone()
HIDDEN_ROW[1] = 0
Mask = Callable[[Tensor, Tensor], Tensor]


class Attention(nn.Module):
    """Attention whose scores a function masks."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.projection, self.mask = nn.Linear(8, 24), mask

    def forward(self, x: Tensor, k: Tensor) -> Tensor:
        q, key, v = self.projection(x).chunk(3, -1)
        result: Tensor = self.mask(q @ key.mT / 8**0.5, k).softmax(-1) @ v
        return result


class Sdpa(nn.Module):
    """Scaled dot-product attention whose mask a function makes."""

    def __init__(self, mask: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.projection, self.mask = nn.Linear(8, 24), mask

    def forward(self, x: Tensor, k: Tensor) -> Tensor:
        q, key, v = self.projection(x).chunk(3, -1)
        return F.scaled_dot_product_attention(q, key, v, attn_mask=self.mask(k))


def wide(k: Tensor) -> Tensor:
    return k[:, None]


def slopes(w: Tensor) -> Tensor:
    n = w.shape[-1]
    return -(torch.arange(n)[:, None] - torch.arange(n)).abs() * 0.5


def causal(n: int, value: float) -> Tensor:
    return torch.full((n, n), value).triu(1)


MASKS: dict[str, Mask] = {
    **{
        f"added {v:.0e}": lambda w, k, v=v: w + (1.0 - wide(k).float()) * v
        for v in (-1e2, -1e4, -1e6, -1e9, MIN / 2, MIN)
    },
    **{
        f"filled {v:.0e}": lambda w, k, v=v: w.masked_fill(wide(k) == 0, v)
        for v in (-1e4, -65504.0, -1e9, MIN, -math.inf)
    },
    "subtracted": lambda w, k: w - (1.0 - wide(k).float()) * 1e4,
    "subtracted, of the largest": lambda w, k: w - (1.0 - wide(k).float()) * -MIN,
    "multiplied and subtracted": lambda w, k: w * wide(k).float() - 1e4 * (1 - wide(k).float()),
    "by integers": lambda w, k: w + (1 - wide(k)) * -1e4,
    "where": lambda w, k: torch.where(wide(k) > 0, w, MIN),
    "where, a tensor": lambda w, k: torch.where(wide(k) > 0, w, torch.tensor(-1e9)),
    "where makes the addend": lambda w, k: w + torch.where(wide(k) > 0, 0.0, -math.inf),
    "the addend filled": lambda w, k: w + (1.0 - wide(k).float()).masked_fill((1 - wide(k)).bool(), MIN),
    "added twice": lambda w, k: w + (1.0 - wide(k).float()) * MIN + (1.0 - wide(k).float()) * -1e4,
    "half, added twice": lambda w, k: (
        w + (1.0 - wide(k).float()) * (MIN / 2) + (1.0 - wide(k).float()) * (MIN / 2)
    ),
    "causal and padding": lambda w, k: w + causal(6, MIN) + (1.0 - wide(k).float()) * -1e4,
    "causal of -inf and padding filled": lambda w, k: (w + causal(6, -math.inf)).masked_fill(
        (wide(k) == 0) & (torch.arange(6) > 0), MIN
    ),
    "slopes and padding": lambda w, k: w + slopes(w) + (1.0 - wide(k).float()) * MIN,
    "slopes in the mask": lambda w, k: w + (slopes(w) + (1.0 - wide(k).float()) * -1e4),
    "scaled after": lambda w, k: (2 * w + (1.0 - wide(k).float()) * -1e4) * 0.5,
    "clamped": lambda w, k: (w + (1.0 - wide(k).float()) * MIN).clamp(min=-1e9),
    "the larger": lambda w, k: torch.max(w + (1.0 - wide(k).float()) * MIN, torch.tensor(MIN)),
}
SDPA: dict[str, Callable[[Tensor], Tensor]] = {
    "a flag": lambda k: wide(k).bool(),
    "an addend": lambda k: (1.0 - wide(k).float()) * MIN,
    "an addend of -1e4": lambda k: (1.0 - wide(k).float()) * -1e4,
    "minus infinity": lambda k: torch.where(wide(k) > 0, 0.0, -math.inf),
}


def x() -> Tensor:
    return torch.randn(4, 6, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen"])
@pytest.mark.parametrize("name", MASKS)
def test_a_mask(agrees: Callable[..., Any], name: str, seen: bool) -> None:
    agrees(Attention(MASKS[name]), (x(), PADDING if seen else torch.ones_like(PADDING)), (x(), PADDING))


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen"])
@pytest.mark.parametrize("name", SDPA)
def test_a_mask_of_scaled_dot_product_attention(agrees: Callable[..., Any], name: str, seen: bool) -> None:
    agrees(Sdpa(SDPA[name]), (x(), PADDING if seen else torch.ones_like(PADDING)), (x(), PADDING))


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen"])
@pytest.mark.parametrize("value", [-1e4, -1e9, -3e38, MIN, -math.inf])
def test_a_mask_that_is_an_input(agrees: Callable[..., Any], value: float, seen: bool) -> None:
    mask = torch.where(PADDING > 0, 0.0, value)
    agrees(Attention(lambda w, k: w + wide(k)), (x(), mask if seen else torch.zeros_like(mask)), (x(), mask))


@pytest.mark.parametrize(
    "name",
    ["added -1e+04", "added -3e+38", "filled -3e+38", "subtracted", "where", "the addend filled", "clamped"],
)
@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen"])
def test_a_row_that_is_masked_throughout(agrees: Callable[..., Any], name: str, seen: bool) -> None:
    mask = HIDDEN_ROW if seen else torch.ones_like(PADDING)
    agrees(Attention(MASKS[name]), (x(), mask), (x(), HIDDEN_ROW))


@pytest.mark.parametrize("name", SDPA)
@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen"])
def test_a_row_that_attention_may_see_nothing_of(agrees: Callable[..., Any], name: str, seen: bool) -> None:
    mask = HIDDEN_ROW if seen else torch.ones_like(PADDING)
    agrees(Sdpa(SDPA[name]), (x(), mask), (x(), HIDDEN_ROW))


@pytest.mark.parametrize("data", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", ["added -1e+04", "added -3e+38", "filled -3e+38", "half, added twice"])
def test_floats_stay_finite(name: str, data: str) -> None:
    network = Attention(MASKS[name]).eval()
    converted = convert(network, (x(), PADDING), Approximation(32), calibration=[(x(), PADDING)])
    converted.set_numerics(Numerics(data))
    with torch.no_grad():
        got, wanted = converted(x(), HIDDEN_ROW), network(x(), HIDDEN_ROW)
    assert got.isfinite().all()
    rows = HIDDEN_ROW.sum(1) > 0 if data != "fp32" else slice(None)
    assert (got - wanted)[rows].abs().max() < 0.03 * wanted.abs().max()


@pytest.mark.parametrize("scale", [1.0, 1e2, 1e4])
def test_scores_far_down(agrees: Callable[..., Any], scale: float) -> None:
    low = -2.0 * scale * torch.randn(4, 4, generator=torch.Generator().manual_seed(1)).abs()
    scores = torch.cat([2 * torch.randn(4, 4, generator=torch.Generator().manual_seed(0)), low], 1)
    agrees(nn.Softmax(-1), (scores,))


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.bool, torch.float32])
def test_a_mask_times_floats(agrees: Callable[..., Any], kind: torch.dtype) -> None:
    class Pool(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: Tensor, k: Tensor) -> Tensor:
            return self.layer(x) * k.unsqueeze(-1)

    torch.manual_seed(0)
    agrees(Pool(), (x(), PADDING.to(kind)))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mask=st.lists(st.lists(st.integers(0, 1), min_size=6, max_size=6), min_size=4, max_size=4),
    name=st.sampled_from(sorted(MASKS)),
    data=st.sampled_from(["int8", "int16", "int6"]),
)
def test_any_mask_has_the_same_bits_every_way(
    same_bits: Callable[..., Tensor], mask: list[list[int]], name: str, data: str
) -> None:
    converted = convert(
        Attention(MASKS[name]).eval(), (x(), PADDING), Approximation(8), calibration=[(x(), PADDING)]
    )
    converted.set_numerics(Numerics(data))
    same_bits(converted, (x(), torch.tensor(mask)))


ALL_HIDDEN: dict[str, Mask] = {
    "filled with the least float": lambda w, k: w.masked_fill(wide(k) == 0, MIN),
    "less 1e4": lambda w, k: w + (1.0 - wide(k).float()) * -1e4,
    "less the largest float": lambda w, k: w + (1.0 - wide(k).float()) * MIN,
    "the least float, then 1e4": lambda w, k: (
        w.masked_fill(wide(k) == 0, MIN) + torch.triu(torch.full((6, 6), -1e4), 1)
    ),
}


@pytest.mark.parametrize("name", ALL_HIDDEN)
def test_a_row_that_is_hidden_whole_and_calibration_did_not_see(
    agrees: Callable[..., Any], name: str
) -> None:
    x = torch.randn(4, 6, 8, generator=torch.Generator().manual_seed(0))
    agrees(Attention(ALL_HIDDEN[name]), (x, PADDING), (x, HIDDEN_ROW))


def test_low_scores_of_an_input_are_no_mask(agrees: Callable[..., Any]) -> None:
    low = torch.cat([torch.randn(4, 4), -2e4 * torch.randn(4, 4).abs()], 1)
    agrees(nn.LogSoftmax(-1), (low,))
