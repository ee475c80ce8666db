"""Outside the domain: asymptotes, edge lines, infinities and NaN."""

import numpy as np
import pytest

from approx.cpwl import FUNCTIONS, fit, get_function

FAR = np.array([1e2, 1e4, 3.4e38, 1e30])


@pytest.mark.parametrize("placement", ["uniform", "curvature", "minimax", "dyadic"])
@pytest.mark.parametrize("bias", ["none", "minimax", "least_squares", "mean"])
@pytest.mark.parametrize("domain", [(-16.0, 0.0), (-2.0, 0.0), (-0.5, 0.25)])
def test_exp_of_a_masked_score_is_zero(placement, bias, domain):
    table = fit("exp", 16, placement, bias, domain)
    assert (table(np.array([-np.inf, -3.4e38, -1e4])) == 0).all()


@pytest.mark.parametrize(("name", "low"), [("tanh", -1.0), ("erf", -1.0), ("sigmoid", 0.0)])
@pytest.mark.parametrize("domain", [None, (-3.0, 3.0), (-0.7, 0.4)])
def test_saturating_functions_saturate(name, low, domain):
    table = fit(name, 16, domain=domain)
    assert (table(FAR) == 1.0).all()
    assert (table(-FAR) == low).all()
    assert table(np.array([np.inf, -np.inf])).tolist() == [1.0, low]


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "softplus", "mish", "hardswish"])
@pytest.mark.parametrize("domain", [None, (-4.0, 4.0), (-3.0, 2.5)])
def test_gated_units_follow_zero_and_the_input(name, domain):
    table = fit(name, 16, domain=domain)
    assert (table(-FAR) == 0.0).all()
    assert (table(FAR) == FAR).all()


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "pow"])
def test_nan_stays_nan_and_infinity_does_not_make_one(name):
    table = fit(name, 8)
    assert np.isnan(table(np.nan))
    assert not np.isnan(table(np.array([np.inf, -np.inf]))).any()


def test_tails_err_no_more_than_the_table_where_it_ends_at_the_asymptote():
    for name in ("gelu", "silu", "softplus", "tanh", "sigmoid"):
        table = fit(name, 64, domain=(-16.0, 16.0))
        x = np.concatenate((np.linspace(-40, -16, 1001), np.linspace(16, 40, 1001)))
        assert np.abs(table(x) - get_function(name)(x)).max() <= table.max_error()


@pytest.mark.parametrize(
    ("name", "domain"),
    [("gelu", (-3.0, 1.2)), ("tanh", (-0.7, 0.4)), ("sigmoid", (-1.0, 1.0)), ("exp", (-2.0, 0.0))],
)
def test_a_calibrated_domain_is_left_without_a_jump(name, domain):
    table = fit(name, 16, domain=domain)
    for knot in (table.knots[0], table.knots[-1]):
        near = table(np.array([np.nextafter(knot, -np.inf), knot]))
        assert abs(near[1] - near[0]) < 1e-9
    step = 0.1 * (domain[1] - domain[0])
    outside = np.array([domain[0] - step, domain[1] + step])
    assert np.abs(table(outside) - get_function(name)(outside)).max() < 0.1


def test_a_reciprocal_never_turns_negative():
    table = fit("reciprocal", 8, domain=(1.0, 4.0))
    assert (table(np.geomspace(1.0, 1e30, 1001)) >= 0).all()


def test_functions_without_asymptote_follow_the_edge_line():
    for name in ("log", "sqrt", "pow(2)"):
        table = fit(name, 8, domain=(0.5, 4.0))
        assert table.right == (table.slopes[-1], table.intercepts[-1])
        assert table.knots[-1] == 4.0


def test_periodic_functions_hold_their_edge_value():
    table = fit("sin", 8, domain=(-1.0, 1.0))
    assert np.abs(table(FAR)).max() <= 1.0
