"""The tiling and loop order that move the least data between DRAM and the scratchpads: exact, and vectorised.

A tile of M x N x K is what the scratchpads hold at once. The innermost loop over tiles decides which matrix stays:

    K inside: the result stays.  A is read once a column of tiles (n times), B once a row of tiles (m times).
    N inside: A stays.           B is read m times; partial sums leave and return once for each further K tile.
    M inside: B stays.           A is read n times; partial sums as above.

These three cover all six loop orders: where a loop has one step, the orders that differ by it coincide, and each
coinciding order's traffic is reached by one of the three (checked against all orders and all tiles in the tests).
In each case the streamed dimension does best with its least tile, so what is left is to split two dimensions X and Y
into p and q tiles: least P p + Q q where the tiles fit. For each p the best q follows, the continuous relaxation is
convex in p, and a walk from its minimum in both directions stops where the bound exceeds the best value found. So the
result is the true optimum, and more capacity can never give more traffic.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_models.systolic import FloatArray, Granules, ceil_div

BoolArray = NDArray[np.bool_]


class Space(NamedTuple):
    """Scratchpad space for tiles, flat arrays: bytes of A, B and Z words; capacities in bytes (shared: all in one)."""

    word: FloatArray
    partial: FloatArray
    capacity_a: FloatArray
    capacity_b: FloatArray
    capacity_z: FloatArray
    shared: BoolArray


class Traffic(NamedTuple):
    """How often each matrix crosses DRAM's border in one GEMM, and the tile counts that do it.

    a, b: times A and B are read. k: tiles of K between which partial sums leave and return (1: never).
    order: the innermost loop, 0 K, 1 N, 2 M.
    """

    a: FloatArray
    b: FloatArray
    k: FloatArray
    order: FloatArray


class _Split(NamedTuple):
    """Split X into p and Y into q tiles: minimise cost_p * p + cost_q * q under the capacities.

    A tile x by y fits if x <= x_most, y <= y_most and w_x x + w_y y + w_xy x y <= room.
    """

    cost_p: FloatArray
    cost_q: FloatArray
    x_size: FloatArray
    x_unit: FloatArray
    y_size: FloatArray
    y_unit: FloatArray
    x_most: FloatArray
    y_most: FloatArray
    w_x: FloatArray
    w_y: FloatArray
    w_xy: FloatArray
    room: FloatArray

    def take(self, index: NDArray[np.intp]) -> "_Split":
        return _Split(*(column[index] for column in self))


def _tiles_y(s: _Split, p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (p really used, least q) when X is split into at most p tiles; q is infinite where none fits."""
    x_units = ceil_div(s.x_size, s.x_unit)
    per_tile = ceil_div(x_units, p)
    x = np.minimum(per_tile * s.x_unit, s.x_size)
    y = np.minimum(s.y_most, np.floor((s.room - s.w_x * x) / (s.w_y + s.w_xy * x)))
    units = np.floor(y / s.y_unit)
    q = ceil_div(ceil_div(s.y_size, s.y_unit), np.maximum(units, 1.0))
    q = np.where(y >= s.y_size, 1.0, np.where(units >= 1.0, q, np.inf))
    return ceil_div(x_units, per_tile), np.where(x <= s.x_most, q, np.inf)


def _bound(s: _Split, p: FloatArray) -> FloatArray:
    """Return a lower bound, convex in p, of the cost of p tiles: sizes and counts taken as real numbers."""
    x = s.x_size / p
    y = np.minimum(s.y_most, (s.room - s.w_x * x) / (s.w_y + s.w_xy * x))
    q = np.where(y > 0, s.y_size / np.where(y > 0, y, 1.0), np.inf)
    return s.cost_p * p + s.cost_q * np.maximum(q, 1.0)


def _least_p(s: _Split) -> FloatArray:
    """Return the fewest tiles of X for which a tile of one y unit still fits."""
    y = np.minimum(s.y_unit, s.y_size)
    x = np.minimum(s.x_most, np.floor((s.room - s.w_y * y) / (s.w_x + s.w_xy * y)))
    split = ceil_div(ceil_div(s.x_size, s.x_unit), np.maximum(np.floor(x / s.x_unit), 1.0))
    return np.where(x >= s.x_size, 1.0, split)


def _start(s: _Split, least: FloatArray) -> FloatArray:
    """Return the integer at or below the minimum of the convex bound, within range."""
    reach = s.room * s.w_xy + s.w_x * s.w_y
    smooth = (s.w_x * s.x_size + np.sqrt(s.cost_q / s.cost_p * s.x_size * s.y_size * reach)) / s.room
    y = np.minimum(s.y_most, s.y_size)
    left = s.room - s.w_y * y
    kink = np.where(left > 0, s.x_size * (s.w_x + s.w_xy * y) / np.where(left > 0, left, 1.0), np.inf)
    return np.clip(np.floor(np.minimum(smooth, kink)), least, ceil_div(s.x_size, s.x_unit))


class _Best:
    """The best split found so far, an element."""

    def __init__(self, cost: FloatArray) -> None:
        self.cost = cost.copy()
        self.p = np.full(cost.shape, np.nan)
        self.q = np.full(cost.shape, np.nan)

    def offer(self, index: NDArray[np.intp], cost: FloatArray, p: FloatArray, q: FloatArray) -> None:
        better = cost < self.cost[index]
        where = index[better]
        self.cost[where], self.p[where], self.q[where] = cost[better], p[better], q[better]


def _walk(s: _Split, p: FloatArray, least: FloatArray, best: _Best, up: bool) -> None:
    """Try p and the distinct tile counts beyond it in one direction, until the bound says that none can win."""
    index = np.arange(p.size)
    most = ceil_div(s.x_size, s.x_unit)
    while index.size:
        # The bound's rounding must not cut off an equal or better value.
        inside = (p >= least) & (p <= most)
        keep = inside & (_bound(s, np.where(inside, p, least)) * (1 - 1e-12) < best.cost[index])
        if not keep.all():
            index, p, least, most = index[keep], p[keep], least[keep], most[keep]
            s = s.take(np.flatnonzero(keep))
        used, q = _tiles_y(s, p)
        best.offer(index, s.cost_p * used + s.cost_q * q, used, q)
        per_tile = ceil_div(most, used)
        p = np.where(per_tile > 1, ceil_div(most, np.maximum(per_tile - 1, 1.0)), np.inf) if up else used - 1


def _solve(s: _Split, limit: FloatArray) -> _Best:
    """Return the least-cost split where it is below `limit`; p is NaN elsewhere."""
    best, least = _Best(limit), _least_p(s)
    start = _start(s, least)
    _walk(s, start, least, best, up=False)
    _walk(s, start + 1, least, best, up=True)
    return best


def least_traffic(
    m: FloatArray, n: FloatArray, k: FloatArray, a_words: FloatArray, unit: Granules, space: Space
) -> Traffic:
    """Return the traffic-optimal tiling of each GEMM; all arguments are flat arrays of one length.

    The least tile (`unit`) must fit; a_words is what one pass over A reads.
    """
    a, b = a_words * space.word, k * n * space.word
    spill = 2 * m * n * space.partial
    wide = np.where(space.shared, 1.0, 0.0)
    big = np.full(m.shape, np.inf)

    def split(  # noqa: PLR0913 - the seven roles that the three loop orders exchange
        cost: tuple[FloatArray, FloatArray],
        x: tuple[FloatArray, FloatArray],
        y: tuple[FloatArray, FloatArray],
        inner: FloatArray,
        width: tuple[FloatArray, FloatArray, FloatArray],
        capacity: tuple[FloatArray, FloatArray, FloatArray],
    ) -> _Split:
        most_x, most_y = (
            np.where(space.shared, big, np.floor(capacity[i] / (width[i] * inner))) for i in (0, 1)
        )
        weights = (wide * width[0] * inner, wide * width[1] * inner, width[2])
        return _Split(*cost, *x, *y, most_x, most_y, *weights, capacity[2])

    sizes = {"m": (m, unit.m), "n": (n, unit.n), "k": (k, unit.k)}
    word, part, cap = space.word, space.partial, (space.capacity_a, space.capacity_b, space.capacity_z)
    stay_z = split((b, a), sizes["m"], sizes["n"], unit.k, (word, word, part), (cap[0], cap[1], cap[2]))
    stay_a = split((b, spill), sizes["m"], sizes["k"], unit.n, (part, word, word), (cap[2], cap[1], cap[0]))
    stay_b = split((a, spill), sizes["n"], sizes["k"], unit.m, (part, word, word), (cap[2], cap[0], cap[1]))

    first = _solve(stay_z, big)
    traffic = Traffic(first.q, first.p, np.ones_like(m), np.zeros_like(m))
    total = first.cost
    for order, case, fixed in ((1, stay_a, a - spill), (2, stay_b, b - spill)):
        found = _solve(case, total - fixed)
        won = ~np.isnan(found.p)
        times = (np.ones_like(m), found.p) if order == 1 else (found.p, np.ones_like(m))
        chosen = Traffic(*times, found.q, np.full(m.shape, float(order)))
        traffic = Traffic(*(np.where(won, new, old) for new, old in zip(chosen, traffic, strict=True)))
        total = np.where(won, found.cost + fixed, total)
    return traffic
