"""How a GEMM is cut into tiles, what fits the scratchpads, and the loops over tiles.

A tile of M x N x K is what the scratchpads hold at once. The innermost loop over tiles decides which matrix
stays on chip while the others pass:

    K inside: the result stays. A is read n times (once a column of tiles), B m times.
    N inside: A stays. B is read m times; partial sums leave and return for each further tile of K.
    M inside: B stays. A is read n times; partial sums likewise.

These three cover all six loop orders: where a loop has one step, the orders that differ by it coincide, and
what they cost is reached by one of the three (the tests compare with all orders of all tiles).
"""

from typing import NamedTuple

import numpy as np

from accel_models.systolic import BoolArray, FloatArray, Granules, ceil_div

STAYS = ("A", "B", "Z")
"""The matrix that stays while the innermost loop over tiles turns: over N, M, K."""
ORDERS = {"A": "MKN", "B": "NKM", "Z": "MNK"}
"""The loops over tiles, outermost first, by the matrix that stays."""


class Tiles(NamedTuple):
    """Tiles along each dimension."""

    m: FloatArray
    n: FloatArray
    k: FloatArray


class Room(NamedTuple):
    """The space for tiles, an element.

    word, partial: bytes of an operand and of a partial sum. a, b, z: bytes for tiles of each matrix; where
    shared, A and B have `a` together, and the result too unless its sums live apart, in accumulators.
    """

    word: FloatArray
    partial: FloatArray
    a: FloatArray
    b: FloatArray
    z: FloatArray
    shared: BoolArray
    apart: BoolArray


def tile(size: FloatArray, unit: FloatArray, tiles: FloatArray) -> FloatArray:
    """Return the words along a dimension of a tile, of as many equal ones; the last may be smaller."""
    return np.minimum(size, unit * ceil_div(ceil_div(size, unit), tiles))


def cuts(folds: float) -> FloatArray:
    """Return all numbers of tiles that a dimension of some folds can be cut into, ascending.

    Of `folds` in tiles of as equal numbers of them as can be: ceil(folds / x), about 2 sqrt(folds) numbers.
    """
    few = np.arange(1.0, np.ceil(np.sqrt(folds)) + 1)
    return np.unique(np.concatenate([few, ceil_div(folds, few)]))


def fit(room: Room, sizes: Granules) -> BoolArray:
    """Return where tiles of some sizes fit the memories."""
    m, n, k = sizes
    a, b, z = m * k * room.word, k * n * room.word, m * n * room.partial
    together = a + b + np.where(room.apart, 0.0, z) <= room.a
    apart = (a <= room.a) & (b <= room.b)
    sums = (z <= room.z) | (room.shared & ~room.apart)
    return np.asarray(np.where(room.shared, together, apart) & sums)
