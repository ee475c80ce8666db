"""The table as a value: evaluation, equality, writing and reading, refusing what is malformed."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from approx.cpwl import CpwlTable, Density, fit, get_function

NAMES = ["gelu", "exp", "relu6", "rsqrt", "sin", "hardswish"]


def by_definition(table, x):
    """Entry = number of knots <= x, then slope * x + intercept."""
    slopes = [table.left[0], *table.slopes, table.right[0]]
    intercepts = [table.left[1], *table.intercepts, table.right[1]]
    entry = sum(knot <= x for knot in table.knots)
    return slopes[entry] * x + intercepts[entry]


@settings(max_examples=50, deadline=None)
@given(name=st.sampled_from(NAMES), x=st.floats(-1e6, 1e6))
def test_evaluation_is_the_contract(name, x):
    table = fit(name, 8)
    assert float(table(x)) == by_definition(table, x)
    for knot in table.knots:
        assert float(table(knot)) == by_definition(table, knot)


@settings(max_examples=25, deadline=None)
@given(x=hnp.arrays(st.sampled_from([np.float32, np.float64]), hnp.array_shapes(min_dims=0, max_dims=4)))
def test_shape_and_floating_type_are_those_of_the_input(x):
    result = fit("gelu", 8)(x)
    assert result.shape == x.shape
    assert result.dtype == x.dtype


def test_integers_and_lists_are_taken():
    assert fit("relu", 2)([-1, 2]).tolist() == [0.0, 2.0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("placement", ["uniform", "dyadic", "minimax"])
def test_the_round_trip_is_exact(name, placement):
    for table in (fit(name, 16, placement), fit(name, 16, placement).quantize(12)):
        again = CpwlTable.from_dict(json.loads(json.dumps(table.to_dict())))
        assert again == table
        assert hash(again) == hash(table)
        assert again.max_error() == table.max_error()
        assert again.fixed_point == table.fixed_point


def test_tables_are_read_only():
    table = fit("gelu", 4)
    with pytest.raises(ValueError, match="read-only"):
        table.slopes[0] = 1.0
    with pytest.raises(AttributeError):
        table.bias = "none"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slopes": []}, "slopes"),
        ({"slopes": [1.0]}, "slopes"),
        ({"knots": [0.0, 0.0, 1.0, 2.0, 3.0]}, "knots"),
        ({"knots": [0.0, 1.0]}, "knots"),
        ({"intercepts": [0.0, 0.0, 0.0, float("nan")]}, "finite"),
        ({"error": "squared"}, "error"),
        ({"addressing": "hash"}, "addressing"),
        ({"extra": 1}, "extra"),
    ],
)
def test_malformed_dictionaries_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        CpwlTable.from_dict({**fit("gelu", 4).to_dict(), **change})


def test_a_missing_field_is_named():
    data = fit("gelu", 4).to_dict()
    del data["knots"]
    with pytest.raises(ValueError, match="knots"):
        CpwlTable.from_dict(data)


def test_a_stored_table_of_a_users_function_evaluates_but_has_no_error():
    table = CpwlTable.from_dict(fit(np.cbrt, 8, domain=(0.0, 1.0)).to_dict())
    assert np.isfinite(table(0.3))
    with pytest.raises(ValueError, match="function = 'cbrt'"):
        table.max_error()


def test_errors_are_the_measured_ones():
    table = fit("gelu", 12, "curvature", "least_squares")
    x = np.linspace(-8, 8, 1_000_001)[:-1]
    error = table(x) - get_function("gelu")(x)
    ends = np.concatenate([table.knots[:-1], np.nextafter(table.knots, -np.inf)[1:]])
    largest = max(np.abs(error).max(), np.abs(table(ends) - get_function("gelu")(ends)).max())
    # A bound: it adds what the error can grow between the points looked at.
    assert 0 <= table.max_error() / largest - 1 < 1e-9
    assert table.mse() == pytest.approx((error**2).mean(), rel=1e-5)
    density = Density(np.array([-8.0, 0.0, 1.0, 8.0]), np.array([1.0, 6.0, 3.0]))
    weight = density(x)
    assert table.mse(density) == pytest.approx((weight * error**2).sum() / weight.sum(), rel=1e-4)


@pytest.mark.parametrize("name", ["gelu", "reciprocal"])
def test_errors_at_inputs_are_signed_and_square_to_the_mean(name):
    table = fit(name, 12, "minimax")
    density = Density.uniform(*table.domain)
    x, shares = density.points(8)
    assert shares @ table.errors(x) ** 2 == pytest.approx(table.mse(density), rel=2e-2)
    assert np.abs(table.errors(x)).max() == pytest.approx(table.max_error(), rel=2e-2)
    assert set(np.sign(table.errors(x))) >= {-1.0, 1.0}


def test_addressing_names_what_hardware_needs():
    assert fit("gelu", 8, "uniform").addressing == "shift"
    assert fit("gelu", 8, "dyadic").addressing == "dyadic"
    assert fit("gelu", 8, "curvature").addressing == "comparator"
    assert fit("gelu", 8, "minimax").addressing == "comparator"


def test_uniform_and_dyadic_knots_are_what_they_say():
    np.testing.assert_allclose(fit("gelu", 16, "uniform").knots, np.linspace(-8, 8, 17))
    octaves = fit("reciprocal", 20, "dyadic").knots[:-1]
    np.testing.assert_allclose(octaves, 2.0 ** np.arange(-10, 10))
    for knot in fit("gelu", 64, "dyadic").knots[1:-1]:
        assert (knot * 2**12) % 1 == 0


def test_plot_shows_function_table_and_error(tmp_path):
    figure = fit("gelu", 8).plot(tmp_path / "gelu.png")
    above, below = figure.axes
    assert [line.get_label() for line in above.lines] == ["gelu", "8 segments"]
    error = below.lines[0].get_ydata()
    assert np.abs(error).max() == pytest.approx(fit("gelu", 8).max_error(), rel=1e-3)
    assert (tmp_path / "gelu.png").read_bytes()[:4] == b"\x89PNG"


def test_a_notebook_shows_the_picture() -> None:
    assert fit("gelu", segments=4)._repr_png_().startswith(b"\x89PNG")
