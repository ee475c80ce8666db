import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.search.bayes import pool
from dse.search.bayes.pool import merged


def _sum(values, choice):
    return sum(own[i] for own, i in zip(values, choice, strict=True))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10_000))
def test_it_finds_what_trying_all_combinations_finds(keys, choices, seed):
    rng = np.random.default_rng(seed)
    losses, costs = (list(rng.integers(0, 6, (keys, choices)).astype(float)) for _ in range(2))
    allowed = [rng.random(choices) < 0.7 for _ in range(keys)]
    for own in allowed:
        own[rng.integers(choices)] = True
    every = {
        (_sum(losses, c), _sum(costs, c))
        for c in itertools.product(*(np.flatnonzero(own) for own in allowed))
    }
    front = {p for p in every if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in every)}
    found = merged(losses, costs, allowed)
    sums = [(_sum(losses, c), _sum(costs, c)) for c in found]
    assert set(sums) == front
    assert len(sums) == len(front)
    assert [cost for _, cost in sums] == sorted(cost for _, cost in sums)


def test_more_than_it_keeps_are_thinned_evenly_with_both_ends(monkeypatch):
    monkeypatch.setattr(pool, "MOST", 5)
    found = merged([np.arange(100.0)[::-1]], [np.arange(100.0)], [np.ones(100, dtype=bool)])
    assert found[:, 0].tolist() == pytest.approx([0, 25, 50, 74, 99], abs=1)
