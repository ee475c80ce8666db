"""Tables fitted in their words: against everything there is, against rounding, and where words end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import approx
from approx.cpwl import CpwlTable

FUNCTIONS = ("gelu", "exp", "silu", "tanh", "sigmoid", "softplus")


def error_of(table: CpwlTable, bias: str) -> float:
    return table.max_error() if bias == "minimax" else table.mse()


def rounded(table: CpwlTable, bits: int, bias: str) -> float:
    storages = ("intercept", "midpoint")
    return min(error_of(table.quantize(bits, storage=storage), bias) for storage in storages)  # type: ignore[arg-type]


def least_of_all(name: str, domain: tuple[float, float], segments: int, bias: str) -> float:
    """Try every table of words of 4 bits with steps of 1/2 (knots), 1/4 and 1/4, on points of the domain."""
    function = approx.fit(name, 1, domain=domain).reference()
    lo, hi = domain
    x = np.linspace(lo, hi, 4 * 48 + 1)
    values, words = function(x), np.arange(-7, 8) / 4
    knots = [t / 2 for t in range(-7, 8) if lo < t / 2 < hi]
    lines = np.array(list(itertools.product(words, words)))
    errors = np.abs(np.multiply.outer(lines[:, 0], x) + lines[:, 1:] - values)
    if bias == "least_squares":
        weight = np.full(x.size, 1 / (x.size - 1))
        weight[[0, -1]] /= 2
        errors = errors**2
    best = np.inf
    for inner in itertools.combinations(knots, segments - 1):
        total = []
        for a, b in itertools.pairwise((lo, *inner, hi)):
            inside = (x >= a) & (x <= b)
            if bias == "minimax":
                total.append(errors[:, inside].max(axis=1).min())
            else:
                cell = x[inside]
                total.append(np.trapezoid(errors[:, inside], cell, axis=1).min() / (hi - lo))
        best = min(best, max(total) if bias == "minimax" else sum(total))
    return float(best)


@pytest.mark.parametrize("bias", ["minimax", "least_squares"])
@pytest.mark.parametrize("segments", [1, 2, 3])
@pytest.mark.parametrize("name", ["gelu", "tanh", "sigmoid", "silu"])
def test_the_best_of_all_tables(name: str, segments: int, bias: str) -> None:
    domain, scale = (-3.0, 3.0), {"knots": 0.5, "slopes": 0.25, "offsets": 0.25}
    table = approx.fit(name, segments, "minimax", bias, domain, bits=4, scale=scale)
    least = least_of_all(name, domain, segments, bias)
    assert error_of(table, bias) <= least * 1.02
    if table.fixed_point is not None and table.fixed_point.storage == "intercept":
        assert error_of(table, bias) >= least * 0.98


@pytest.mark.parametrize("bias", ["minimax", "least_squares"])
@pytest.mark.parametrize("bits", [6, 8])
def test_far_better_than_rounding(bits: int, bias: str) -> None:
    """What 6 and 8 bits lose is mostly the rounding's."""
    ratios = []
    for name, segments in itertools.product(("gelu", "exp", "silu"), (8, 16)):
        table = approx.fit(name, segments, "minimax", bias)
        words = approx.fit(name, segments, "minimax", bias, bits=bits)
        ratios.append(error_of(words, bias) / rounded(table, bits, bias))
    assert np.median(ratios) <= 0.7


@settings(max_examples=25)
@given(
    st.sampled_from(FUNCTIONS),
    st.integers(1, 12),
    st.sampled_from(["minimax", "uniform", "dyadic", "curvature"]),
    st.sampled_from(["minimax", "least_squares"]),
    st.integers(4, 16),
)
def test_never_worse_than_rounding(name: str, segments: int, placement: str, bias: str, bits: int) -> None:
    table = approx.fit(name, segments, placement, bias)
    words = approx.fit(name, segments, placement, bias, bits=bits)
    assert error_of(words, bias) <= rounded(table, bits, bias) * (1 + 1e-6)
    assert words.segments <= segments
    fixed = words.fixed_point
    assert fixed is not None
    limit = 2 ** (bits - 1) - 1
    assert max(abs(n) for part in (fixed.knots, fixed.slopes, fixed.offsets) for n in part) <= limit
    assert np.array_equal(words.knots, np.array(fixed.knots) * fixed.scale[0])
    if placement == "uniform" and fixed.storage == "intercept" and words.segments == segments:
        widths = np.diff(fixed.knots[1:-1])
        assert np.ptp(widths) <= 1 if widths.size else True


@pytest.mark.parametrize("bits", [8, 12])
def test_tails_are_exact(bits: int) -> None:
    exp, gelu = (approx.fit(name, 16, bits=bits) for name in ("exp", "gelu"))
    assert exp(np.array([-1e4, -3.4e38])).tolist() == [0.0, 0.0]
    assert gelu(np.array([-100.0, 100.0])).tolist() == [0.0, 100.0]


def test_an_asymptote_begins_beyond_a_narrow_domain() -> None:
    """The edge's line goes on to where it meets the asymptote, on a step of the knots."""
    table = approx.fit("exp", 4, domain=(-2.0, 0.0), bits=8)
    assert table(np.array([-1e4]))[0] == 0.0
    assert table.max_error() < 0.02
    assert table.knots[0] < -2.0


def test_what_a_density_weighs() -> None:
    rng = np.random.default_rng(0)
    density = approx.cpwl.Density.from_samples(rng.normal(0, 1, 20_000))
    weighted = approx.fit("gelu", 8, "density", "least_squares", (-8, 8), density, bits=8)
    even = approx.fit("gelu", 8, "minimax", "least_squares", (-8, 8), bits=8)
    assert weighted.mse(density) < 0.6 * even.mse(density)


def test_words_survive_a_file() -> None:
    table = approx.fit("silu", 8, bits=8)
    again = CpwlTable.from_dict(table.to_dict())
    x = np.linspace(-9, 9, 1001)
    assert np.array_equal(again(x), table(x))
    assert again.fixed_point == table.fixed_point


def test_an_exact_function_stays_exact() -> None:
    x = np.linspace(-20, 20, 81)
    assert np.array_equal(approx.fit("relu", bits=4)(x), np.maximum(x, 0))


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ({"bits": 3}, "bits = 3: must be an integer from 4 to 16"),
        ({"bits": True}, "bits = True"),
        ({"bits": 8, "bias": "mean"}, "bias = 'mean': with bits"),
        ({"bits": 8, "symmetric": True}, "symmetric = True: cannot be combined with bits"),
        ({"bits": 8, "scale": {"slopes": 1e-6}}, "scale: slopes = 1e-06"),
        ({"bits": 8, "scale": -1.0}, "scale: knots = -1.0"),
        ({"scale": 0.5}, "scale = 0.5: needs bits"),
    ],
)
def test_refusals(kinds: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match="^" + words.replace("(", r"\(")):
        approx.fit("tanh", 8, **kinds)  # type: ignore[call-overload]
