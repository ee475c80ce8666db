"""Folded tables: half the entries, the same error."""

import numpy as np
import pytest

from approx.cpwl import Density, fit, get_function

NAMES = [
    "tanh",
    "sigmoid",
    "erf",
    "gelu",
    "gelu_tanh",
    "silu",
    "softplus",
    "sin",
    "cos",
    "pow(2)",
    "pow(3)",
    "hardswish",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("segments", [4, 16, 64])
def test_the_maximum_error_is_that_of_the_whole_table(name, segments):
    folded = fit(name, segments, symmetric=True)
    assert folded.symmetric
    assert folded.segments == segments
    assert folded.stored_segments == segments // 2
    whole = fit(name, segments)
    assert folded.max_error() <= 1.001 * whole.max_error()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("placement", ["uniform", "dyadic", "curvature", "minimax"])
@pytest.mark.parametrize("bias", ["none", "minimax", "least_squares", "mean"])
def test_one_half_follows_from_the_other(name, placement, bias):
    table = fit(name, 8, placement, bias, symmetric=True)
    symmetry = get_function(name).symmetry
    np.testing.assert_array_equal(table.knots, -table.knots[::-1])
    x = np.linspace(0.01, get_function(name).domain[1] - 0.01, 201)
    expected = symmetry.sign * table(x) + symmetry.slope * x + symmetry.offset
    np.testing.assert_allclose(table(-x), expected, atol=1e-12 * np.abs(expected).max())


def test_a_density_is_made_symmetric():
    density = Density(np.linspace(0.0, 3.0, 31), np.ones(30))
    table = fit("tanh", 8, "density", "least_squares", density=density, symmetric=True)
    both = density.symmetrised()
    assert both(np.array([-1.0, 1.0])).tolist() == pytest.approx([1 / 6, 1 / 6])
    assert table.mse(density) < fit("tanh", 8, "uniform", "least_squares").mse(density)


def test_relative_errors_are_refused():
    with pytest.raises(ValueError, match="only absolute errors"):
        fit("sigmoid", 8, symmetric=True, error="relative")
