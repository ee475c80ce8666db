"""The tiling and loop order that move the least data between DRAM and the scratchpads: exact, and vectorised.

A tile of M x N x K is what the scratchpads hold at once. The innermost loop over tiles decides which matrix
stays on chip while the others pass:

    K inside: the result stays. A is read n times (once a column of tiles), B m times.
    N inside: A stays. B is read m times; partial sums leave and return for each further tile of K.
    M inside: B stays. A is read n times; partial sums likewise.

These three cover all six loop orders: where a loop has one step, the orders that differ by it coincide, and
what they cost is reached by one of the three (the tests compare with all orders of all tiles). The dimension
that streams does best with its least tile, so that the other two are left to split: see `split`. As the
result is the true optimum, more capacity can never give more traffic.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_models.split import Best, Split, solve
from accel_models.systolic import FloatArray, Granules

BoolArray = NDArray[np.bool_]


class Problem(NamedTuple):
    """GEMMs and the space for their tiles, flat arrays of one length.

    m, n, k: sizes that tiles must cover. a_words, b_words, z_words: what one pass over a matrix moves.
    word, partial: bytes of an operand and of a partial sum. capacity_a, capacity_b, capacity_z: bytes for
    tiles; where shared, each is the one capacity for all three.
    """

    m: FloatArray
    n: FloatArray
    k: FloatArray
    a_words: FloatArray
    b_words: FloatArray
    z_words: FloatArray
    word: FloatArray
    partial: FloatArray
    capacity_a: FloatArray
    capacity_b: FloatArray
    capacity_z: FloatArray
    shared: BoolArray


class Traffic(NamedTuple):
    """How often each matrix crosses the border to DRAM in one GEMM.

    a, b: times A and B are read. k: tiles of K between which partial sums leave and return (1: never).
    """

    a: FloatArray
    b: FloatArray
    k: FloatArray


class _Matrix(NamedTuple):
    """A matrix between two dimensions of a case: bytes a word, capacity."""

    width: FloatArray
    capacity: FloatArray


def least_traffic(problem: Problem, unit: Granules) -> Traffic:
    """Return the traffic-optimal tiling of each GEMM; the least tile, `unit`, must fit."""
    p = problem
    a = _Matrix(p.word, p.capacity_a)
    b = _Matrix(p.word, p.capacity_b)
    z = _Matrix(p.partial, p.capacity_z)
    m, n, k = (p.m, unit.m), (p.n, unit.n), (p.k, unit.k)
    read_a, read_b, spill = p.a_words * p.word, p.b_words * p.word, 2 * p.z_words * p.partial

    once = np.ones_like(p.m)
    best = solve(_case((read_b, m, a), (read_a, n, b), unit.k, z, p.shared), np.full(p.m.shape, np.inf))
    traffic, total = Traffic(best.q, best.p, once), best.cost

    best = solve(_case((read_b, m, z), (spill, k, b), unit.n, a, p.shared), total - (read_a - spill))
    traffic, total = _better(best, Traffic(once, best.p, best.q), read_a - spill, traffic, total)

    best = solve(_case((read_a, n, z), (spill, k, a), unit.m, b, p.shared), total - (read_b - spill))
    return _better(best, Traffic(best.p, once, best.q), read_b - spill, traffic, total)[0]


_Side = tuple[FloatArray, tuple[FloatArray, FloatArray], _Matrix]
"""A split dimension: what one more tile of it costs, its (size, unit), and its matrix with the streamed
one."""


def _case(x: _Side, y: _Side, streamed: FloatArray, stays: _Matrix, shared: BoolArray) -> Split:
    """Return the split of X and Y while a matrix over X and Y stays and a third dimension streams."""
    wide = np.where(shared, streamed, 0.0)
    most_x, most_y = (
        np.where(shared, np.inf, np.floor(side[2].capacity / (side[2].width * streamed))) for side in (x, y)
    )
    weights = (wide * x[2].width, wide * y[2].width, stays.width)
    return Split(x[0], y[0], *x[1], *y[1], most_x, most_y, *weights, stays.capacity)


def _better(
    best: Best, offered: Traffic, fixed: FloatArray, traffic: Traffic, total: FloatArray
) -> tuple[Traffic, FloatArray]:
    won = ~np.isnan(best.p)
    chosen = (np.where(won, new, old) for new, old in zip(offered, traffic, strict=True))
    return Traffic._make(chosen), np.where(won, best.cost + fixed, total)
