import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad

from dse.search.interplay import Interplay, _apart, _kernel

KEYS, TABLES = 4, 12


def _luck(rng, weights, choices, alone=0.06, together=0.1):
    """Draw what is missed from the very process that the model assumes."""
    parameters = np.log([alone, together, *weights])
    covariance = _kernel(parameters, _apart(choices, choices))
    return np.linalg.cholesky(covariance + 1e-10 * np.eye(len(choices))) @ rng.standard_normal(len(choices))


def _fitted(choices, luck):
    model = Interplay(KEYS)
    sums = np.full(len(choices), 1e-5)
    model.fit(choices, sums * np.exp(luck), sums)
    return model


@pytest.mark.parametrize("seed", range(3))
def test_luck_is_foretold_from_combinations_that_have_tables_in_common(seed):
    rng = np.random.default_rng(seed)
    choices = np.unique(rng.integers(0, TABLES, (400, KEYS)), axis=0)
    luck = _luck(rng, (2.0, 1.0, 0.3, 0.01), choices)
    order = rng.permutation(len(choices))
    known, fresh = order[:150], order[150:]
    mean, spread = _fitted(choices[known], luck[known]).predict(choices[fresh])
    off = (luck[fresh] - mean) / spread
    assert np.corrcoef(mean, luck[fresh])[0, 1] > 0.5
    assert 0.7 < off.std() < 1.4  # it knows how far to trust itself


def test_a_table_that_does_not_matter_is_found_out():
    rng = np.random.default_rng(0)
    choices = np.unique(rng.integers(0, TABLES, (300, KEYS)), axis=0)
    model = _fitted(choices, _luck(rng, (2.0, 2.0, 2.0, 1e-3), choices, alone=1e-3))
    one, other = choices[:1], choices[:1].copy()
    other[0, 3] = (other[0, 3] + 1) % TABLES
    third = choices[:1].copy()
    third[0, 0] = (third[0, 0] + 1) % TABLES
    (same, _), (changed, _) = model.predict(np.concatenate([other, third])), model.predict(one)
    assert abs(same[0] - changed[0]) < 0.5 * abs(same[1] - changed[0])


def test_what_was_measured_is_known_and_what_has_nothing_in_common_is_open():
    model = _fitted(np.array([[0, 0, 0, 0]]), np.array([-0.2]))
    mean, spread = model.predict(np.array([[0, 0, 0, 0], [1, 1, 1, 1]]))
    assert mean == pytest.approx([-0.2, 0.0], abs=0.08)
    assert spread[0] < 0.02 < 0.08 < spread[1]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 25))
def test_no_evaluations_can_make_it_fail(seed, count):
    rng = np.random.default_rng(seed)
    choices = rng.integers(0, 3, (count, KEYS))  # some are the same
    model = Interplay(KEYS)
    losses = rng.choice([0.0, 1e-9, 1e-3, 5.0], count)
    model.fit(choices, losses, rng.choice([1e-9, 1e-3, 5.0], count))
    mean, spread = model.predict(rng.integers(0, 3, (10, KEYS)))
    assert np.isfinite(mean).all()
    assert np.isfinite(spread).all()


def test_the_gradient_is_the_slope_of_the_posterior():
    rng = np.random.default_rng(0)
    choices = rng.integers(0, 4, (20, KEYS))
    model = Interplay(KEYS)
    cost = model._posterior(_apart(choices, choices), rng.normal(0, 0.1, 20), np.full(20, 0.02))
    for _ in range(3):
        at = model._prior + rng.normal(0, 0.5, KEYS + 2)
        assert check_grad(lambda p: cost(p)[0], lambda p: cost(p)[1], at) < 1e-3 * np.abs(cost(at)[1]).max()


def test_parameters_are_learned_again_only_when_there_is_more_to_learn_from():
    rng = np.random.default_rng(0)
    choices = rng.integers(0, TABLES, (41, KEYS))
    luck = rng.normal(0, 0.1, 41)
    model = _fitted(choices[:40], luck[:40])
    before = model._parameters.copy()
    model.fit(choices, 1e-5 * np.exp(luck), np.full(41, 1e-5))
    assert (model._parameters == before).all()
