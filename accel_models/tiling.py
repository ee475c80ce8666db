"""The tilings and loop orders that move the least data between DRAM and the scratchpads: exact, vectorised.

A tile of M x N x K is what the scratchpads hold at once. The innermost loop over tiles decides which matrix
stays on chip while the others pass:

    K inside: the result stays. A is read n times (once a column of tiles), B m times.
    N inside: A stays. B is read m times; partial sums leave and return for each further tile of K.
    M inside: B stays. A is read n times; partial sums likewise.

These three cover all six loop orders: where a loop has one step, the orders that differ by it coincide, and
what they cost is reached by one of the three (the tests compare with all orders of all tiles). For each of
the three the dimension that streams does best, as far as traffic goes, with its least tile, so that the other
two are left to split: see `split`. Its tile is then made as large as still fits, which can only save: fewer
tiles, and fewer loads of what the cells keep.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_models.split import Split, solve
from accel_models.systolic import FloatArray, Granules, ceil_div

BoolArray = NDArray[np.bool_]
STAYS = ("Z", "A", "B")
"""The matrix that stays while the innermost loop over tiles turns: over K, N, M."""
ORDERS = {"Z": "MNK", "A": "MKN", "B": "NKM"}
"""The loops over tiles, outermost first, by the matrix that stays."""


class Problem(NamedTuple):
    """GEMMs and the space for their tiles, flat arrays of one length.

    m, n, k: sizes that tiles must cover. a_pass, b_pass, spill: what one more pass over A, B, or one more
    tile of K between which sums leave and return, costs (bytes, or energy). word, partial: bytes of an
    operand and of a partial sum. capacity_a, capacity_b, capacity_z: bytes for tiles; where shared, A and B
    have one capacity together, and the result too unless its sums live apart, in accumulators.
    """

    m: FloatArray
    n: FloatArray
    k: FloatArray
    a_pass: FloatArray
    b_pass: FloatArray
    spill: FloatArray
    word: FloatArray
    partial: FloatArray
    capacity_a: FloatArray
    capacity_b: FloatArray
    capacity_z: FloatArray
    shared: BoolArray
    apart: BoolArray


class Tiles(NamedTuple):
    """Tiles along each dimension; infinite where nothing fits."""

    m: FloatArray
    n: FloatArray
    k: FloatArray


def least_traffic(p: Problem, unit: Granules, stays: Sequence[str], limit: FloatArray) -> list[Tiles]:
    """Return the tiles of least traffic while each of some matrices, "Z", "A" or "B", stays.

    Exact among all tiles of whole granules that cost less than `limit`; NaN where there are none.
    """
    splits, limits = zip(*(_SPLITS[name](p, unit, limit) for name in stays), strict=True)
    stacked = Split(*(np.concatenate(columns) for columns in zip(*splits, strict=True)))
    found = solve(stacked, np.concatenate(limits))
    pairs = zip(np.split(found.p, len(stays)), np.split(found.q, len(stays)), strict=True)
    return [_FILLED[name](p, unit, *pair) for name, pair in zip(stays, pairs, strict=True)]


def _result_stays(p: Problem, unit: Granules, limit: FloatArray) -> tuple[Split, FloatArray]:
    """Split M and N, which B and A pass again for."""
    wide, apart = np.where(p.shared, unit.k * p.word, 0.0), p.shared & p.apart
    most_m, most_n = (
        np.where(p.shared, np.inf, np.floor(capacity / (p.word * unit.k)))
        for capacity in (p.capacity_a, p.capacity_b)
    )
    sums = np.where(apart, 0.0, p.partial)
    room = np.where(p.shared, p.capacity_a, p.capacity_z)
    together = np.where(apart, np.floor(p.capacity_z / p.partial), np.inf)
    passes, sizes = (p.b_pass, p.a_pass), (p.m, unit.m, p.n, unit.n)
    return Split(*passes, *sizes, most_m, most_n, wide, wide, sums, room, together), limit


def _result_filled(p: Problem, unit: Granules, m_tiles: FloatArray, n_tiles: FloatArray) -> Tiles:
    m, n = tile(p.m, unit.m, m_tiles), tile(p.n, unit.n, n_tiles)
    sums = np.where(p.shared & p.apart, 0.0, p.partial)
    joint = (p.capacity_a - sums * m * n) / (p.word * (m + n))
    alone = np.minimum(p.capacity_a / m, p.capacity_b / n) / p.word
    return Tiles(m_tiles, n_tiles, _fewest(p.k, unit.k, np.where(p.shared, joint, alone)))


class _Operand(NamedTuple):
    """An operand over X and K that stays while Y streams: sizes and granules, capacities, costs of a pass."""

    x: FloatArray
    x_unit: FloatArray
    y: FloatArray
    y_unit: FloatArray
    stays: FloatArray
    passes: FloatArray
    once: FloatArray
    again: FloatArray


def _a(p: Problem, unit: Granules) -> _Operand:
    return _Operand(p.m, unit.m, p.n, unit.n, p.capacity_a, p.capacity_b, p.a_pass, p.b_pass)


def _b(p: Problem, unit: Granules) -> _Operand:
    return _Operand(p.n, unit.n, p.m, unit.m, p.capacity_b, p.capacity_a, p.b_pass, p.a_pass)


def _operand_stays(p: Problem, unit: Granules, of: _Operand, limit: FloatArray) -> tuple[Split, FloatArray]:
    """Split X, for which the other operand passes again, and K, for which sums spill."""
    sums_apart = ~p.shared | p.apart
    most_x = np.where(sums_apart, np.floor(p.capacity_z / (p.partial * of.y_unit)), np.inf)
    most_k = np.where(p.shared, np.inf, np.floor(of.passes / (p.word * of.y_unit)))
    wide_x = np.where(sums_apart, 0.0, of.y_unit * p.partial)
    wide_k = np.where(p.shared, of.y_unit * p.word, 0.0)
    costs, sizes = (of.again, p.spill), (of.x, of.x_unit, p.k, unit.k)
    unbounded = np.full(p.m.shape, np.inf)
    split = Split(*costs, *sizes, most_x, most_k, wide_x, wide_k, p.word, of.stays, unbounded)
    return split, limit - of.once + p.spill


def _operand_filled(
    p: Problem, unit: Granules, of: _Operand, x_tiles: FloatArray, k_tiles: FloatArray
) -> FloatArray:
    """Return the fewest tiles of Y."""
    x, k = tile(of.x, of.x_unit, x_tiles), tile(p.k, unit.k, k_tiles)
    sums = p.capacity_z / (p.partial * x)
    alone = np.minimum(sums, of.passes / (p.word * k))
    joint = (of.stays - p.word * x * k) / (p.word * k + np.where(p.apart, 0.0, p.partial * x))
    joint = np.where(p.apart, np.minimum(joint, sums), joint)
    return _fewest(of.y, of.y_unit, np.where(p.shared, joint, alone))


_SPLITS: dict[str, Callable[[Problem, Granules, FloatArray], tuple[Split, FloatArray]]] = {
    "Z": _result_stays,
    "A": lambda p, unit, limit: _operand_stays(p, unit, _a(p, unit), limit),
    "B": lambda p, unit, limit: _operand_stays(p, unit, _b(p, unit), limit),
}
_FILLED: dict[str, Callable[[Problem, Granules, FloatArray, FloatArray], Tiles]] = {
    "Z": _result_filled,
    "A": lambda p, unit, m, k: Tiles(m, _operand_filled(p, unit, _a(p, unit), m, k), k),
    "B": lambda p, unit, n, k: Tiles(_operand_filled(p, unit, _b(p, unit), n, k), n, k),
}


def tile(size: FloatArray, unit: FloatArray, tiles: FloatArray) -> FloatArray:
    """Return the words along a dimension of a tile, of as many equal ones; the last may be smaller."""
    return np.minimum(size, unit * ceil_div(ceil_div(size, unit), tiles))


def _fewest(size: FloatArray, unit: FloatArray, most: FloatArray) -> FloatArray:
    """Return the fewest tiles along a dimension of at most `most` words each."""
    units = ceil_div(size, unit)
    # A quotient that rounds below a whole number of words is that number: sizes are exact integers.
    fit = np.floor(np.floor(most * (1 + 1e-14)) / unit)
    return np.where(most >= size, 1.0, ceil_div(units, np.maximum(fit, 1.0)))
