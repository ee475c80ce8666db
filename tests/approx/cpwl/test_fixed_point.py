"""Fixed-point tables: integers, bounds, midpoint storage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approx.cpwl import FixedPoint, fit

NAMES = ["gelu", "silu", "tanh", "exp", "sigmoid", "softplus", "sqrt", "relu", "sin", "rsqrt"]


def difference(table, rounded):
    lo, hi = table.domain
    x = np.linspace(lo, hi, 20_001)
    x = np.unique(np.concatenate((x, np.clip(table.knots, lo, hi), np.clip(rounded.knots, lo, hi))))
    x = np.concatenate((x, np.nextafter(x[1:], -np.inf)))
    return np.abs(rounded(x) - table(x)).max()


@settings(max_examples=80, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    segments=st.integers(1, 32),
    placement=st.sampled_from(["uniform", "curvature", "minimax"]),
    bits=st.integers(4, 24),
    storage=st.sampled_from(["intercept", "midpoint"]),
)
def test_the_error_stays_within_the_stated_bound(name, segments, placement, bits, storage):
    table = fit(name, segments, placement)
    rounded = table.quantize(bits, storage=storage)
    assert difference(table, rounded) <= rounded.fixed_point.bound * (1 + 1e-9)
    assert rounded.max_error() >= 0


@pytest.mark.parametrize("storage", ["intercept", "midpoint"])
@pytest.mark.parametrize("bits", [6, 8, 16])
def test_floats_are_the_integers_times_their_scales(storage, bits):
    fixed = (rounded := fit("gelu", 16).quantize(bits, storage=storage)).fixed_point
    limit = 2 ** (bits - 1) - 1
    assert max(map(abs, fixed.knots + fixed.slopes + fixed.offsets)) <= limit
    np.testing.assert_array_equal(rounded.knots, np.array(fixed.knots) * fixed.scale[0])
    slopes = np.array(fixed.slopes) * fixed.scale[1]
    np.testing.assert_array_equal([rounded.left[0], *rounded.slopes, rounded.right[0]], slopes)
    centre = (
        0.5 * (rounded.knots[:-1] + rounded.knots[1:])
        if storage == "midpoint"
        else np.zeros(rounded.segments)
    )
    offsets = np.array(fixed.offsets)[1:-1] * fixed.scale[2]
    np.testing.assert_allclose(rounded.slopes * centre + rounded.intercepts, offsets, atol=1e-12)


def test_more_bits_err_less():
    errors = [fit("gelu", 16).quantize(bits, storage="midpoint").max_error() for bits in (6, 8, 12, 20)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == pytest.approx(fit("gelu", 16).max_error(), rel=0.01)


@pytest.mark.parametrize("fraction", [6, 7, 8])
@pytest.mark.parametrize(
    ("name", "domain"),
    [("gelu", (-4.0, 4.0)), ("tanh", (-4.0, 4.0)), ("exp", (-8.0, 0.0)), ("rsqrt", (1.0, 4.0))],
)
def test_midpoint_storage_errs_less_on_the_same_grid(name, domain, fraction):
    table = fit(name, 16, domain=domain)
    grid = {"slopes": 2.0**-fraction, "offsets": 2.0**-fraction}
    plain, midpoint = (table.quantize(16, storage=s, scale=grid) for s in ("intercept", "midpoint"))
    assert 1.3 < plain.max_error() / midpoint.max_error() < 4.5


def test_slopes_that_span_decades_have_a_shift_each():
    table = fit("rsqrt", 32, domain=(7e-4, 3.0))
    one_step = table.quantize(16, storage="midpoint", scale={"slopes": 1.0})
    rounded = table.quantize(16, storage="midpoint")
    fixed = rounded.fixed_point
    x = np.linspace(0.1, 3.0, 10_001)
    apart, apart_of_one = (np.abs(t(x) - table(x)).max() for t in (rounded, one_step))
    assert apart < 2 * fixed.scale[2] < apart_of_one / 50
    assert max(map(abs, fixed.slopes)) < 2**11
    assert max(fixed.shifts) == 15
    slopes = np.array(fixed.slopes) * fixed.scale[1] * 2.0 ** np.array(fixed.shifts)
    np.testing.assert_array_equal([rounded.left[0], *rounded.slopes, rounded.right[0]], slopes)
    assert FixedPoint.from_dict(fixed.to_dict()) == fixed


def test_slopes_of_one_order_share_a_step():
    assert fit("gelu", 16).quantize(16, storage="midpoint").fixed_point.shifts == ()


def test_asymptotes_survive_rounding():
    rounded = fit("gelu", 16).quantize(8)
    assert rounded(np.array([-1e30, 1e30])).tolist() == [0.0, 1e30]
    assert fit("exp", 16).quantize(8)(-3.4e38) == 0.0


def test_a_chosen_scale_is_used():
    scale = {"slopes": 2.0**-10, "offsets": 2.0**-9}
    assert fit("gelu", 16).quantize(16, scale=scale).fixed_point.scale[1:] == (2.0**-10, 2.0**-9)
    assert fit("sigmoid", 4).quantize(16, scale=2.0**-8).fixed_point.scale == (2.0**-8,) * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 1}, "bits = 1"),
        ({"bits": 8.5}, "bits = 8.5"),
        ({"bits": True}, "bits = True"),
        ({"bits": 33}, "bits = 33"),
        ({"bits": 8, "storage": "corner"}, "storage = 'corner'"),
        ({"bits": 8, "scale": -1.0}, "scale"),
        ({"bits": 8, "scale": float("nan")}, "scale"),
        ({"bits": 8, "scale": {"knot": 1.0}}, "scale"),
        ({"bits": 8, "scale": {"slopes": 2.0**-12}}, "holds at most"),
        ({"bits": 8, "scale": {"knots": 100.0}}, "all knots fall on one step"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError) as refused:
        fit("gelu", 8).quantize(**arguments)
    assert message in str(refused.value)
