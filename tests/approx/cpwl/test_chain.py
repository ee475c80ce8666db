"""Chains of disputed segments against a linear programme."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from approx.cpwl.chain import Chain, Piece


def by_linear_programme(chain):
    """Minimise e over shifts d subject to |excess + hat(d)| <= e * scale and the ends' demands."""
    n = len(chain.pieces) + 1
    rows, right = [], []
    for i, piece in enumerate(chain.pieces):
        for at, excess, scale in zip(piece.at, piece.excess, piece.scale, strict=True):
            hat = np.zeros(n + 1)
            hat[i], hat[i + 1] = 1 - at, at
            for sign in (1, -1):
                rows.append(np.append(sign * hat[:-1], -scale))
                right.append(-sign * excess)
    equal = []
    for end, knot, scale in zip(
        chain.ends, (0, n - 1), (chain.pieces[0].scale[0], chain.pieces[-1].scale[-1]), strict=True
    ):
        if end:
            row = np.zeros(n + 1)
            row[knot], row[n] = 1.0, -end * scale
            equal.append(row)
    solved = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.array(rows),
        b_ub=np.array(right),
        A_eq=np.array(equal) if equal else None,
        b_eq=np.zeros(len(equal)) if equal else None,
        bounds=[(None, None)] * n + [(0, None)],
    )
    return solved.fun


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pieces=st.integers(1, 5),
    ends=st.tuples(st.sampled_from([0.0, 1.0, -1.0]), st.sampled_from([0.0, 1.0, -1.0])),
    relative=st.booleans(),
)
def test_the_error_is_the_least_possible(seed, pieces, ends, relative):
    rng = np.random.default_rng(seed)
    at = np.linspace(0.0, 1.0, 17)
    scales = np.interp(
        np.linspace(0, pieces, 16 * pieces + 1), np.arange(pieces + 1), rng.uniform(0.5, 2, pieces + 1)
    )
    excess = [at * (1 - at) * np.polyval(rng.normal(size=3), at) for _ in range(pieces)]
    if pieces == 1:
        ends = (ends[0], 0.0)
    for i, end in ((0, ends[0]), (-1, ends[1])):
        excess[i] = -end * np.abs(excess[i]) if end else excess[i]
    own = [scales[16 * i : 16 * i + 17] if relative else np.ones(17) for i in range(pieces)]
    chain = Chain([Piece(at, *piece) for piece in zip(excess, own, strict=True)], ends, np.zeros(pieces + 1))
    best = by_linear_programme(chain)
    shifts, error = chain.solve(0.5 * best)
    assert error == pytest.approx(best, rel=1e-4, abs=1e-12)
    for i, piece in enumerate(chain.pieces):
        fitted = piece.excess + (1 - piece.at) * shifts[i] + piece.at * shifts[i + 1]
        assert (np.abs(fitted) <= error * piece.scale * (1 + 1e-6) + 1e-12).all()


def test_an_error_that_is_already_enough_is_kept():
    piece = Piece(np.linspace(0, 1, 9), np.zeros(9), np.ones(9))
    shifts, error = Chain([piece, piece], (0.0, 0.0), np.array([0.0, 0.5, 3.0])).solve(1.0)
    assert error == 1.0
    assert shifts.tolist() == [0.0, 0.5, 1.0]
