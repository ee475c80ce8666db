"""Split X and Y into p and q tiles: least cost_p p + cost_q q where the tiles fit. Exact, vectorised.

For each p the least q follows. The continuous relaxation is convex in p, so a walk from its minimum in both
directions can stop where the relaxed cost reaches the best value found: what is returned is the true optimum.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_models.systolic import FloatArray, ceil_div

BoolArray = NDArray[np.bool_]


class Split(NamedTuple):
    """Split X into p and Y into q tiles: minimise cost_p * p + cost_q * q under the capacities.

    A tile x by y fits if x <= x_most, y <= y_most, x y <= xy_most and w_x x + w_y y + w_xy x y <= room.
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
    xy_most: FloatArray

    def take(self, index: NDArray[np.intp]) -> "Split":
        """Return the elements at an index."""
        return Split(*(column.take(index) for column in self))


def _tiles_y(s: Split, p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (p really used, least q) when X is split into at most p tiles; q is infinite where none fits."""
    x_units = ceil_div(s.x_size, s.x_unit)
    per_tile = ceil_div(x_units, p)
    x = np.minimum(per_tile * s.x_unit, s.x_size)
    y = np.minimum(s.y_most, np.floor((s.room - s.w_x * x) / (s.w_y + s.w_xy * x)))
    y = np.minimum(y, np.floor(s.xy_most / x))
    units = np.floor(y / s.y_unit)
    q = ceil_div(ceil_div(s.y_size, s.y_unit), np.maximum(units, 1.0))
    q = np.where(y >= s.y_size, 1.0, np.where(units >= 1.0, q, np.inf))
    return ceil_div(x_units, per_tile), np.where(x <= s.x_most, q, np.inf)


def _bound(s: Split, p: FloatArray) -> FloatArray:
    """Return a lower bound, convex in p, of the cost of p tiles: sizes and counts taken as real numbers."""
    x = s.x_size / p
    y = np.minimum(s.y_most, (s.room - s.w_x * x) / (s.w_y + s.w_xy * x))
    y = np.minimum(y, s.xy_most / x)
    q = np.where(y > 0, s.y_size / np.where(y > 0, y, 1.0), np.inf)
    return s.cost_p * p + s.cost_q * np.maximum(q, 1.0)


def _least_p(s: Split) -> FloatArray:
    """Return the fewest tiles of X for which a tile of one y unit still fits."""
    y = np.minimum(s.y_unit, s.y_size)
    x = np.minimum(s.x_most, np.floor((s.room - s.w_y * y) / (s.w_x + s.w_xy * y)))
    x = np.minimum(x, np.floor(s.xy_most / y))
    split = ceil_div(ceil_div(s.x_size, s.x_unit), np.maximum(np.floor(x / s.x_unit), 1.0))
    return np.where(x >= s.x_size, 1.0, split)


def _start(s: Split, least: FloatArray) -> FloatArray:
    """Return the integer at or below the minimum of the convex bound, within range."""
    reach = s.room * s.w_xy + s.w_x * s.w_y
    smooth = (s.w_x * s.x_size + np.sqrt(s.cost_q / s.cost_p * s.x_size * s.y_size * reach)) / s.room
    y = np.minimum(s.y_most, s.y_size)
    left = s.room - s.w_y * y
    kink = np.where(left > 0, s.x_size * (s.w_x + s.w_xy * y) / np.where(left > 0, left, 1.0), np.inf)
    return np.clip(np.floor(np.minimum(smooth, kink)), least, ceil_div(s.x_size, s.x_unit))


class Best:
    """The best split found so far, an element."""

    def __init__(self, cost: FloatArray) -> None:
        self.cost = cost.copy()
        self.p = np.full(cost.shape, np.nan)
        self.q = np.full(cost.shape, np.nan)

    def offer(self, index: NDArray[np.intp], cost: FloatArray, p: FloatArray, q: FloatArray) -> None:
        """Keep these splits where they cost less than the best so far."""
        better = cost < self.cost[index]
        where = index[better]
        self.cost[where], self.p[where], self.q[where] = cost[better], p[better], q[better]


def _walk(s: Split, p: FloatArray, least: FloatArray, best: Best, up: bool) -> None:
    """Try p and the distinct tile counts beyond it, up or down, until the bound says that none can win."""
    index = np.arange(p.size)
    most = ceil_div(s.x_size, s.x_unit)
    while index.size:
        # The bound's rounding must not cut off an equal or better value.
        inside = (p >= least) & (p <= most)
        keep = inside & (_bound(s, np.where(inside, p, least)) * (1 - 1e-12) < best.cost[index])
        if not keep.all():
            at = np.flatnonzero(keep)
            index, p, least, most = index.take(at), p.take(at), least.take(at), most.take(at)
            s = s.take(at)
        used, q = _tiles_y(s, p)
        best.offer(index, s.cost_p * used + s.cost_q * q, used, q)
        per_tile = ceil_div(most, used)
        p = np.where(per_tile > 1, ceil_div(most, np.maximum(per_tile - 1, 1.0)), np.inf) if up else used - 1


def solve(s: Split, limit: FloatArray) -> Best:
    """Return the least-cost split where it is below `limit`; p is NaN elsewhere."""
    s, swapped = _fewer_first(s)
    best, least = Best(limit), _least_p(s)
    start = _start(s, least)
    _walk(s, start, least, best, up=False)
    _walk(s, start + 1, least, best, up=True)
    best.p, best.q = np.where(swapped, best.q, best.p), np.where(swapped, best.p, best.q)
    return best


def _fewer_first(s: Split) -> tuple[Split, BoolArray]:
    """Swap X and Y where Y is likely split into fewer tiles: the walk is over the tiles of X."""
    swap = s.cost_q > s.cost_p
    pairs = (
        ("cost_p", "cost_q"),
        ("x_size", "y_size"),
        ("x_unit", "y_unit"),
        ("x_most", "y_most"),
        ("w_x", "w_y"),
    )
    other = {a: getattr(s, b) for a, b in pairs} | {b: getattr(s, a) for a, b in pairs}
    return s._replace(**{name: np.where(swap, new, getattr(s, name)) for name, new in other.items()}), swap
