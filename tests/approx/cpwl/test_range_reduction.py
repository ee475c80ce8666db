"""Tables of the mantissa that serve every positive float."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approx.cpwl import ReducedTable, fit, get_function
from approx.cpwl.range_reduction import REDUCTIONS

SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -2.5])


@pytest.mark.parametrize("name", REDUCTIONS)
def test_eight_segments_reach_ten_bits_over_any_range(name):
    table = fit(name, 8, range_reduction=True)
    x = np.concatenate((np.geomspace(1e-300, 1e300, 100_001), np.geomspace(0.25, 16, 100_001)))
    truth = get_function(name)(x)
    error = np.abs(table(x) - truth) / (np.abs(truth) if table.error == "relative" else 1.0)
    assert error.max() <= 2.0**-10
    assert error.max() == pytest.approx(table.max_error(), rel=1e-3)


@settings(max_examples=50, deadline=None)
@given(
    name=st.sampled_from(list(REDUCTIONS)),
    x=st.floats(1e-307, 1e307),
    domain=st.sampled_from([(1, 2), (1, 4)]),
)
def test_any_positive_float(name, x, domain):
    table = fit(name, 8, domain=domain, range_reduction=True)
    truth = float(get_function(name)(np.asarray(x)))
    width = abs(truth) if table.error == "relative" else 1.0
    assert abs(float(table(x)) - truth) <= table.max_error() * width * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("name", REDUCTIONS)
def test_special_inputs_give_what_the_function_gives(name):
    table = fit(name, 8, range_reduction=True)
    function = get_function(name)
    special = SPECIAL[:-1] if name == "reciprocal" else SPECIAL
    np.testing.assert_array_equal(table(special), function(special))
    assert table(np.zeros((2, 3), dtype=np.float32)).dtype == np.float32


def test_reciprocal_is_odd():
    table = fit("reciprocal", 8, range_reduction=True)
    x = np.geomspace(1e-20, 1e20, 101)
    np.testing.assert_array_equal(table(-x), -table(x))


@pytest.mark.parametrize("name", REDUCTIONS)
def test_the_round_trip_is_exact(name):
    table = fit(name, 8, range_reduction=True)
    assert ReducedTable.from_dict(json.loads(json.dumps(table.to_dict()))) == table


def test_its_cost_is_named():
    table = fit("rsqrt", 8, range_reduction=True)
    assert table.addressing == "exponent"
    assert table.segments == 8
    assert table.parity_multiply
    assert not fit("rsqrt", 8, domain=(1, 4), range_reduction=True).parity_multiply
    assert not fit("reciprocal", 8, range_reduction=True).parity_multiply
    assert not fit("log", 8, range_reduction=True).parity_multiply


def test_quantised_mantissa_tables():
    table = fit("reciprocal", 8, range_reduction=True).quantize(12, storage="midpoint")
    x = np.geomspace(1e-9, 1e9, 10_001)
    assert np.abs(table(x) * x - 1).max() <= table.max_error() * (1 + 1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": "gelu"}, "works for reciprocal"),
        ({"function": np.sqrt}, "works for reciprocal"),
        ({"function": "rsqrt", "domain": (1.0, 3.0)}, "must be (1, 2) or (1, 4)"),
        ({"function": "rsqrt", "error": "absolute"}, "error = 'absolute'"),
        ({"function": "log", "error": "relative"}, "error = 'relative'"),
        ({"function": "sqrt", "symmetric": True}, "symmetric = True"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError) as refused:
        fit(**{"segments": 8, "range_reduction": True, **arguments})
    assert message in str(refused.value)
