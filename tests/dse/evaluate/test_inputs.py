import numpy as np
import pytest

from approx import Density, fit
from dse.evaluate.inputs import RANGES, Sample, some_of


def test_ranges_have_as_many_inputs_each():
    density = Density.from_samples(np.random.default_rng(0).normal(0, 1, 10_000))
    seen = Sample.of(density)
    shares = np.bincount(seen.ranges, seen.shares)
    assert len(shares) == RANGES
    assert shares == pytest.approx(np.full(RANGES, 1 / RANGES), abs=0.02)


def test_where_inputs_are_all_alike_some_ranges_are_empty():
    ranges = Sample.of(Density(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 98.0, 1.0]))).ranges
    assert (ranges >= 0).all()
    assert (ranges < RANGES).all()
    assert len(set(ranges)) < RANGES


@pytest.mark.parametrize("name", ["gelu", "reciprocal"])
def test_squares_of_errors_add_up_to_the_mean(name):
    table = fit(name, 12, "minimax")
    density = Density.from_samples(np.random.default_rng(0).uniform(*table.domain, 10_000))
    errors = Sample.of(density).errors(table, None)
    assert errors @ errors == pytest.approx(table.mse(density), rel=2e-2)


def test_fewer_bits_err_more():
    table, seen = fit("gelu", 32), Sample.of(Density.uniform(-8, 8))
    squares = [float((seen.errors(table, width) ** 2).sum()) for width in (4, 6, 8, None)]
    assert squares == sorted(squares, reverse=True)
    assert squares[0] > 10 * squares[2] > 10 * squares[3]


def test_a_table_that_its_bits_cannot_hold_errs_by_1():
    table, seen = fit("exp", 4, domain=(-3.0, -2.9)), Sample.of(Density.uniform(-3.0, -2.9))
    assert (seen.errors(table, 2) ** 2).sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("count", "some"), [(1, 1), (5, 5), (8, 8), (9, 8), (100, 8)])
def test_some_sites_are_spread_evenly(count, some):
    sites = [f"{number:03}" for number in range(count)]
    chosen = some_of(sites)
    assert len(chosen) == some
    assert set(chosen) <= set(sites)
    gaps = np.diff([int(name) for name in chosen])
    assert len(gaps) == 0 or np.ptp(gaps) <= 1
