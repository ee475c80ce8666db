"""The catalogue's entries against numerical differentiation and their own claims."""

import numpy as np
import pytest

from approx.cpwl import FUNCTIONS, get_function

NAMES = [name for name in FUNCTIONS if name != "pow"]
NAMES += ["pow(2)", "pow(3)", "pow(1.7)", "pow(-1.5)", "pow(-2)", "elu(0.5)", "leaky_relu(0.2)"]


def interior(function, count=400):
    lo, hi = function.domain
    x = np.geomspace(lo, hi, count)[1:-1] if lo > 0 else np.linspace(lo, hi, count)[1:-1]
    kinks = np.asarray([*(function.kinks or ()), -3.0, 0.0, 3.0])
    return x[np.abs(x[:, None] - kinks).min(axis=1) > 1e-2 * (hi - lo)]


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_those_of_the_function(name):
    function = get_function(name)
    x = interior(function)
    step = 1e-5 * np.maximum(np.abs(x), 1e-2)
    slope = (function(x + step) - function(x - step)) / (2 * step)
    bend = (function.first(x + step) - function.first(x - step)) / (2 * step)
    np.testing.assert_allclose(function.first(x), slope, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(function.second(x), bend, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gelu", [-np.sqrt(2), np.sqrt(2)]),
        ("tanh", [0.0]),
        ("sigmoid", [0.0]),
        ("erf", [0.0]),
        ("softplus", []),
        ("exp", []),
        ("silu", [-2.3993572805154, 2.3993572805154]),  # x tanh(x / 2) = 2, Wolfram Alpha
        ("pow(3)", [0.0]),
    ],
)
def test_inflections(name, expected):
    np.testing.assert_allclose(get_function(name).inflections(), expected, atol=1e-10)


def test_inflections_follow_the_domain_asked_for():
    np.testing.assert_allclose(
        get_function("sin").inflections((-1.0, 7.0)), [0, np.pi, 2 * np.pi], atol=1e-10
    )


@pytest.mark.parametrize("name", [name for name in NAMES if get_function(name).symmetry])
def test_symmetries_hold(name):
    function = get_function(name)
    symmetry = function.symmetry
    x = np.linspace(0.0, function.domain[1], 101)
    np.testing.assert_allclose(
        function(-x), symmetry.sign * function(x) + symmetry.slope * x + symmetry.offset, atol=1e-12
    )


@pytest.mark.parametrize("name", NAMES)
def test_asymptotes_are_reached(name):
    function = get_function(name)
    for tail, x in ((function.left, -600.0), (function.right, 600.0)):
        if isinstance(tail, tuple) and function.support[0] <= x:
            value = float(function(np.asarray(x)))
            slow = 1 / 600 if name.startswith(("reciprocal", "rsqrt", "pow(-", "atan")) else 0.0
            assert value == pytest.approx(tail[0] * x + tail[1], abs=1e-12 + 30 * slow)


@pytest.mark.parametrize(
    "name", ["gleu", "gelu(3)", "elu(x)", "pow", "pow()", "pow(nan)", "pow(1,2)", "", "elu(1", "GELU"]
)
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match="function = "):
        get_function(name)


def test_exact_functions_name_their_kinks():
    assert [name for name in NAMES if get_function(name).exact] == [
        "hardsigmoid",
        "relu",
        "relu6",
        "leaky_relu",
        "abs",
        "leaky_relu(0.2)",
    ]
