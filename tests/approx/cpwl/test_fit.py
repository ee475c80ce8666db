"""What every fit promises, over functions, placements, bias corrections and domains."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approx.cpwl import BIASES, FUNCTIONS, PLACEMENTS, Density, fit, get_function

SMOOTH = [name for name in FUNCTIONS if name != "pow" and not get_function(name).exact]
SMOOTH += ["pow(2)", "pow(3)", "pow(1.7)", "pow(-1.5)", "elu(0.5)"]
EXACT = ["relu", "leaky_relu", "leaky_relu(0.2)", "relu6", "abs", "hardsigmoid"]


def density_for(name):
    lo, hi = get_function(name).domain
    return Density(np.linspace(lo, hi, 41), np.exp(-(np.linspace(-2.5, 1.5, 40) ** 2)))


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("name", SMOOTH)
def test_every_combination_gives_a_continuous_table(name, placement, bias):
    table = fit(name, 6, placement, bias, density=density_for(name))
    assert table.segments == 6
    assert table.knots.shape == (7,)
    assert (np.diff(table.knots) > 0).all()
    inner = table.knots[1:-1]
    jump = np.abs(np.diff(table.slopes) * inner + np.diff(table.intercepts))
    assert jump.max() <= 1e-12
    assert np.isfinite(table.max_error())
    assert np.isfinite(table.mse())


@pytest.mark.parametrize("segments", [1, 2, 3, 256, 1024])
@pytest.mark.parametrize("placement", [p for p in PLACEMENTS if p != "density"])
def test_any_number_of_segments(placement, segments):
    table = fit("gelu", segments, placement)
    assert table.segments == segments
    # No worse than uniform knots, whose error is at most max|f''| h^2 / 16 = 0.05 h^2.
    assert table.max_error() <= 0.05 * (16 / segments) ** 2


@pytest.mark.parametrize("name", EXACT)
def test_piecewise_linear_functions_are_exact_everywhere(name):
    for domain in (None, (1.0, 3.0), (-9.0, -4.0), (-1e-3, 50.0)):
        table = fit(name, 7, "uniform", "least_squares", domain)
        x = np.concatenate((np.linspace(-20, 20, 4001), [-1e30, 1e30]))
        np.testing.assert_allclose(table(x), get_function(name)(x), rtol=1e-15, atol=1e-15)
        assert table.exact
        assert table.max_error() == 0.0
    assert fit("relu", 64).segments == 2


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("gelu", (1.0, np.nextafter(1.0, 2.0))),
        ("rsqrt", (0.1, 0.1 + 1e-12)),
        ("tanh", (-1e-300, 1e-300)),
        ("exp", (-1e-9, 0.0)),
        ("sqrt", (0.0, 1e-12)),
        ("gelu", (30.0, 30.1)),
        ("softplus", (-900.0, -800.0)),
        ("log", (1e-30, 1e30)),
        ("sin", (0.0, 60.0)),
    ],
)
@pytest.mark.parametrize("placement", [p for p in PLACEMENTS if p != "density"])
def test_extreme_domains(name, domain, placement):
    for bias in BIASES:
        table = fit(name, 16, placement, bias, domain)
        x = np.linspace(*domain, 101)
        truth = get_function(name)(x)
        assert table.segments == 16
        scale = np.abs(truth) if table.error == "relative" else 1.0
        assert np.abs((table(x) - truth) / scale).max() <= table.max_error() * (1 + 1e-6) + 1e-9


def test_a_users_callable():
    def bump(x):
        return 1 / (1 + 25 * x * x)

    table = fit(bump, 24, domain=(-1.0, 1.0))
    x = np.linspace(-1, 1, 100_001)
    assert table.function == "bump"
    assert np.abs(table(x) - bump(x)).max() == pytest.approx(table.max_error(), rel=1e-5)
    assert table.max_error() < fit(bump, 24, "uniform", domain=(-1.0, 1.0)).max_error() / 2


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(SMOOTH), segments=st.integers(1, 40))
def test_more_segments_never_err_more(name, segments):
    error, finer = (fit(name, n).max_error() for n in (segments, segments + 1))
    assert finer <= error * (1 + 1e-3)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["gelu", "tanh", "exp", "sqrt", "sin"]),
    segments=st.integers(1, 20),
    placement=st.sampled_from(["uniform", "minimax"]),
    bias=st.sampled_from(["none", "minimax", "mean"]),
)
def test_a_fit_of_a_table_finds_the_table_again(name, segments, placement, bias):
    table = fit(name, segments, placement, bias)
    ends = np.clip(table.knots, *table.domain)
    values = np.append(table.slopes, table.slopes[-1]) * ends + np.append(
        table.intercepts, table.intercepts[-1]
    )
    again = fit(lambda x: np.interp(x, ends, values), segments, placement, bias, table.domain)
    assert again.max_error() <= 1e-6 * max(table.max_error(), 1e-3)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(SMOOTH),
    segments=st.integers(1, 40),
    placement=st.sampled_from([p for p in PLACEMENTS if p != "density"]),
    bias=st.sampled_from(list(BIASES)),
)
def test_refitting_is_idempotent(name, segments, placement, bias):
    assert fit(name, segments, placement, bias) == fit(name, segments, placement, bias)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["gelu", "tanh", "exp", "sin", "softplus"]),
    segments=st.integers(2, 24),
    placement=st.sampled_from(["uniform", "curvature", "minimax"]),
    bias=st.sampled_from(list(BIASES)),
    factor=st.floats(0.01, 100).flatmap(lambda a: st.sampled_from([a, -a])),
    offset=st.floats(-10, 10),
)
def test_scaling_and_shifting_the_function_scales_and_shifts_the_table(
    name, segments, placement, bias, factor, offset
):
    function = get_function(name)
    domain = (-3.0, 2.5)
    plain = fit(function, segments, placement, bias, domain)
    moved = fit(lambda x: factor * function(x) + offset, segments, placement, bias, domain)
    x = np.linspace(*domain, 1001)[:-1]
    difference = moved(x) - (factor * plain(x) + offset)
    # Equal up to the tolerance that the search for knots stops at, or to which the curvature is resolved.
    rel = 5e-3 if placement == "curvature" else 1e-3
    assert np.abs(difference).max() <= 0.02 * abs(factor) * plain.max_error() + 1e-9
    assert moved.max_error() == pytest.approx(abs(factor) * plain.max_error(), rel=rel)


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(["exp", "tanh", "sigmoid", "erf", "softplus", "sqrt", "log", "elu", "selu"]))
def test_interpolation_of_a_monotone_function_is_monotone(name):
    lo, hi = get_function(name).domain
    for placement in ("uniform", "curvature", "dyadic", "minimax"):
        table = fit(name, 16, placement, "none")
        x = np.linspace(lo, hi, 5001)[:-1]
        assert (np.diff(table(x)) >= -1e-14).all()


def test_lines_without_continuity_are_at_least_as_good():
    for name in ("gelu", "tanh", "exp", "sin"):
        for segments in (4, 16):
            knots = {"segments": segments, "placement": "uniform"}
            for bias, error in (("minimax", "max_error"), ("least_squares", "mse")):
                free = getattr(fit(name, bias=bias, continuous=False, **knots), error)()
                assert free <= getattr(fit(name, bias=bias, **knots), error)() * (1 + 1e-9)


def test_lines_without_continuity_reach_the_proven_optimum():
    # U_minimax_disc and U_ls_disc_u of gelu on [-8, 8], 4 and 16 segments, from independent solvers.
    for segments, largest, squared in ((4, 0.0849737, 0.0006231597), (16, 0.03774404, 6.455543e-05)):
        lines = fit("gelu", segments, "uniform", "minimax", continuous=False)
        assert lines.max_error() == pytest.approx(largest, rel=1e-4)
        lines = fit("gelu", segments, "uniform", "least_squares", continuous=False)
        assert lines.mse() == pytest.approx(squared, rel=1e-4)


def test_mean_correction_has_zero_mean_error():
    density = density_for("gelu")
    table = fit("gelu", 8, "uniform", "mean", density=density)
    x = np.linspace(-8, 8, 400_001)[:-1] + 8 / 400_000
    error = (table(x) - get_function("gelu")(x)) * density(x)
    assert abs(error.mean()) < 1e-9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": "gleu"}, "function = 'gleu'"),
        ({"function": 3}, "function = 3"),
        ({"segments": 0}, "segments = 0: must be an integer from 1 to 1024"),
        ({"segments": -4}, "segments = -4"),
        ({"segments": 2.5}, "segments = 2.5"),
        ({"segments": True}, "segments = True"),
        ({"segments": 1025}, "segments = 1025"),
        ({"placement": "random"}, "placement = 'random': must be one of uniform, dyadic"),
        ({"bias": "best"}, "bias = 'best': must be one of none, minimax"),
        ({"domain": (1.0, 1.0)}, "domain"),
        ({"domain": (2.0, 1.0)}, "domain"),
        ({"domain": ()}, "domain"),
        ({"domain": (0.0,)}, "domain"),
        ({"domain": (0.0, np.inf)}, "domain"),
        ({"domain": (np.nan, 1.0)}, "domain"),
        ({"domain": "ab"}, "domain"),
        ({"function": "log", "domain": (0.0, 1.0)}, "log is defined from 0 to inf, but not at 0"),
        ({"function": "log", "domain": (-1.0, 1.0)}, "domain"),
        ({"function": "reciprocal", "domain": (-1.0, 1.0)}, "but not at 0"),
        ({"function": "sqrt", "domain": (-1.0, 1.0)}, "domain"),
        ({"function": "exp", "domain": (0.0, 1000.0)}, "not finite at x = "),
        ({"function": "gelu", "error": "relative"}, "error = 'relative': gelu is 0"),
        ({"error": "squared"}, "error = 'squared'"),
        ({"function": np.sin}, "domain = None"),
        ({"function": lambda x: x[:3], "domain": (0.0, 1.0)}, "returned shape"),
        ({"function": lambda x: x * np.nan, "domain": (0.0, 1.0)}, "not finite"),
        ({"function": lambda x: x.undefined, "domain": (0.0, 1.0)}, "raised AttributeError"),
        ({"placement": "density"}, "density = None"),
        ({"density": []}, "density: samples are empty"),
        ({"density": [1.0, np.nan]}, "density: samples hold NaN"),
        ({"segments": 7, "symmetric": True}, "segments = 7: must be even"),
        ({"function": "exp", "symmetric": True}, "exp has no symmetry"),
        ({"domain": (-1.0, 2.0), "symmetric": True}, "must be (-a, a)"),
        ({"symmetric": True, "continuous": False}, "continuous = False"),
        ({"range_reduction": True}, "range_reduction = True"),
    ],
)
def test_bad_input_is_refused_with_its_field(arguments, message):
    with pytest.raises(ValueError) as refused:
        fit(**{"function": "gelu", **arguments})
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
