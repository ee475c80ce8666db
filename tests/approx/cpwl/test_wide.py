"""Wide, narrow and rough: what a table says of its error is never less than dense evaluation finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from approx.cpwl import fit

Array = NDArray[np.float64]
SMOOTH = ["gelu", "silu", "tanh", "sigmoid", "softplus", "erf", "elu", "mish", "atan", "selu", "gelu_tanh"]


def dense(domain: tuple[float, float]) -> Array:
    """Points even over the domain, in every octave, and close together where functions bend."""
    lo, hi = domain
    octaves = np.geomspace(1e-6, max(abs(lo), abs(hi)), 20_001)
    points = [np.linspace(lo, hi, 50_001), octaves, -octaves, np.linspace(-12, 12, 50_001)]
    x = np.concatenate(points)
    return x[(x >= lo) & (x <= hi)]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(SMOOTH),
    st.sampled_from(["minimax", "curvature", "uniform", "dyadic"]),
    st.floats(0.1, 12),
    st.floats(0.1, 12),
    st.sampled_from([1, 3, 8, 16, 33]),
)
def test_no_error_is_larger_than_the_one_reported(
    function: str, placement: str, left: float, right: float, segments: int
) -> None:
    table = fit(function, segments=segments, placement=placement, domain=(-(10**left) / 10, 10**right / 10))
    assert np.abs(table.errors(dense(table.domain))).max() <= table.max_error()


@pytest.mark.parametrize("function", SMOOTH)
@pytest.mark.parametrize(("reach", "most"), [(3e4, 2.2), (1e6, 2.2), (1e12, 3.2)])
def test_what_a_function_does_in_a_small_part_of_its_domain_is_found(
    function: str, reach: float, most: float
) -> None:
    wide = fit(function, segments=16, domain=(-reach, reach)).max_error()
    assert wide < most * fit(function, 16).max_error()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*SMOOTH, "rsqrt", "reciprocal", "log", "sqrt", "exp", "asin"]),
    st.floats(-3, -0.1),
    st.floats(-10, -1),
    st.sampled_from([1, 2, 8, 32, 100]),
)
def test_a_narrow_domain_has_a_table(function: str, at: float, width: float, segments: int) -> None:
    table = fit(function, segments=segments, domain=(10**at, 10**at * (1 + 10**width)))
    x = np.linspace(*table.domain, 20_001)
    assert np.abs(table.errors(x)).max() <= table.max_error()


def _noise(x: Array) -> Array:
    """Numbers that jump between neighbouring floats, the same at every call."""
    mixed = np.asarray(x, np.float64).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((mixed >> np.uint64(40)).astype(np.float64) / 2**24)


ROUGH = {
    "single precision": lambda x: np.tanh(x.astype(np.float32)).astype(np.float64),
    "slight noise": lambda x: np.tanh(x) + 1e-9 * _noise(x),
    "oscillation": lambda x: np.sin(100 * x),
    "a cusp": lambda x: np.sqrt(np.abs(x - 0.7)),
    "steps": lambda x: np.round(x * 4) / 4,
    "a spike": lambda x: np.exp(-1e6 * (x - 1.234) ** 2),
    "a kink": lambda x: np.maximum(x, 0.123),
}


@pytest.mark.parametrize("name", ROUGH)
def test_a_rough_callable_has_an_error_that_is_not_exceeded(name: str) -> None:
    table = fit(ROUGH[name], segments=16, domain=(-8.0, 8.0))
    x = np.concatenate([np.linspace(-8, 8, 200_001), np.linspace(1.2, 1.3, 20_001)])
    assert np.abs(table.errors(x)).max() <= table.max_error()


@pytest.mark.parametrize(
    ("call", "domain", "message"),
    [
        (lambda x: np.sin(x) + 0.01 * _noise(x), (-8.0, 8.0), "at every scale"),
        (lambda x: np.sin(1e5 * x), (-8.0, 8.0), "at every scale"),
        (lambda x: np.sin(100 * x), (-1e4, 1e4), "at every scale"),
        (lambda x: np.where(np.abs(x - 1.2345) < 1e-3, np.nan, x), (-8.0, 8.0), "not finite at x = 1.23"),
    ],
)
def test_a_callable_that_no_sampling_resolves_is_refused(
    call: object, domain: tuple[float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit(call, segments=16, domain=domain).max_error()  # type: ignore[call-overload]
