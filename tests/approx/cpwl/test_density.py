"""The calibrated histogram and the fits that follow it."""

import json

import numpy as np
import pytest

from approx.cpwl import Density, fit


def test_it_is_a_probability_density():
    samples = np.random.default_rng(0).normal(size=(10, 1000))
    density = Density.from_samples(samples, bins=64)
    x = np.linspace(-6, 6, 120_001)
    assert np.trapezoid(density(x), x) == pytest.approx(1.0, abs=1e-3)
    assert density(np.array([-100.0, 100.0])).tolist() == [0.0, 0.0]
    assert density.support == (samples.min(), samples.max())


def test_points_stand_for_equal_parts_of_the_bins_that_have_inputs():
    density = Density(np.array([0.0, 1.0, 2.0, 4.0]), np.array([1.0, 0.0, 3.0]))
    points, shares = density.points(2)
    assert points.tolist() == [0.25, 0.75, 2.5, 3.5]
    assert shares.tolist() == [0.125, 0.125, 0.375, 0.375]


def test_constant_samples_have_a_density():
    density = Density.from_samples(np.full(10, 3.0))
    assert density.support[0] < density.support[1]
    assert fit("gelu", 4, "density", domain=(2.0, 4.0), density=density).max_error() < 0.1


def test_round_trip():
    density = Density.from_samples(np.random.default_rng(1).normal(size=100))
    again = Density.from_dict(json.loads(json.dumps(density.to_dict())))
    np.testing.assert_array_equal(again.edges, density.edges)
    np.testing.assert_array_equal(again.counts, density.counts)


@pytest.mark.parametrize(
    ("edges", "counts", "message"),
    [
        ([0.0], [], "edges"),
        ([0.0, 0.0], [1.0], "edges"),
        ([0.0, np.nan], [1.0], "edges"),
        ([0.0, 1.0], [1.0, 2.0], "counts have shape"),
        ([0.0, 1.0], [0.0], "not all zero"),
        ([0.0, 1.0], [-1.0], "not negative"),
        ([0.0, 1.0], [np.nan], "finite"),
    ],
)
def test_malformed_histograms_are_refused(edges, counts, message):
    with pytest.raises(ValueError, match=message):
        Density(np.asarray(edges), np.asarray(counts))


def test_samples_and_histogram_give_the_same_table():
    samples = np.random.default_rng(2).normal(size=5000)
    by_samples = fit("gelu", 8, "density", "least_squares", density=samples)
    assert by_samples == fit("gelu", 8, "density", "least_squares", density=Density.from_samples(samples))


@pytest.mark.parametrize("bias", ["least_squares", "mean", "minimax", "none"])
def test_it_moves_knots_to_where_the_inputs_are(bias):
    samples = np.random.default_rng(3).normal(2.0, 0.3, size=20_000)
    table = fit("gelu", 16, "density", bias, density=samples)
    inside = (table.knots > 0.5) & (table.knots < 3.5)
    assert inside.sum() >= 10


def test_a_density_lowers_the_error_that_it_weights():
    density = Density.from_samples(np.random.default_rng(4).normal(size=20_000))
    weighted = fit("gelu", 8, "uniform", "least_squares", density=density)
    assert weighted.mse(density) < fit("gelu", 8, "uniform", "least_squares").mse(density)


@pytest.mark.parametrize("name", ["gelu", "silu", "tanh", "sigmoid"])
def test_fits_stay_bounded_where_no_input_was_seen(name):
    samples = np.random.default_rng(5).normal(0.0, 0.5, size=20_000)
    for placement in ("uniform", "curvature", "minimax", "density"):
        for bias in ("least_squares", "mean"):
            table = fit(name, 8, placement, bias, density=samples)
            assert table.max_error() < 1.3


def test_nothing_seen_inside_the_domain_is_refused():
    with pytest.raises(ValueError, match="density"):
        fit("gelu", 8).mse(Density(np.array([20.0, 30.0]), np.array([1.0])))


def test_a_uniform_density_is_as_high_everywhere():
    density = Density.uniform(-2.0, 6.0)
    assert density.support == (-2.0, 6.0)
    assert density(np.array([-1.9, 0.0, 5.9])) == pytest.approx(1 / 8)
