"""The mapping of each GEMM on each design, chosen for a stated cost (`Design.mapping`); vectorised.

Candidates are the tiles of least traffic while each matrix stays on chip (`tiling`), and the same where what
streams past the array is cut into no more than 1, 2, 4 ... tiles, so that blocks of the stationary matrix are
loaded less often: less time of the array for more traffic. Of all, counted exactly (`nest`, `dram`), the one
is taken that costs least:

    latency: cycles, then energy      energy: energy, then cycles      edp: their product, then energy

The cycles are the greater of the array's and DRAM's (their sum, with buffering = "single"), and those of
issuing tiles. The energy is that of DRAM and scratchpads: the rest does not depend on the mapping, but for
leakage, which follows the cycles.
"""

from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_models.dram import Rows, bytes_of
from accel_models.nest import Passes, Timing, array_cycles, parts, passes
from accel_models.systolic import BoolArray, FloatArray, Granules, Shape
from accel_models.tiling import STAYS, Problem, Tiles, least_traffic

_STEP = 4.0
"""By how much the number of tiles of what streams is raised from one try to the next."""

_WORTH = 0.97
"""Share of the cost that the least possible time must be below, for more tries."""


class Prices(NamedTuple):
    """What a mapping is chosen by, an element.

    rate: bytes that DRAM moves a cycle. dram: pJ a byte of it. a, b, z: pJ a byte that enters the input or
    the weight scratchpad, and that enters and leaves the memory of sums. block: pJ to load all blocks of the
    stationary matrix once more. issue: cycles a tile. single: nothing overlaps.
    """

    rate: FloatArray
    dram: FloatArray
    a: FloatArray
    b: FloatArray
    z: FloatArray
    block: FloatArray
    issue: FloatArray
    single: BoolArray
    by_energy: BoolArray
    by_product: BoolArray


class Work(NamedTuple):
    """GEMMs on designs: flat arrays of one length in each part."""

    shape: Shape
    unit: Granules
    folds: Granules
    problem: Problem
    rows: Rows
    timing: Timing
    prices: Prices

    def take(self, index: NDArray[np.intp]) -> "Work":
        """Return the elements at an index."""
        return Work._make(type(part)._make(column.take(index) for column in part) for part in self)


class Choice(NamedTuple):
    """The mapping chosen, an element.

    tiles: Along each dimension. stays: The matrix that stays, an index into `tiling.STAYS`. passes: What that
    moves. cost, tie: The stated cost, and what tells equal ones apart. moved: Bytes to and from DRAM. array:
    Cycles of the array alone.
    """

    tiles: Tiles
    stays: NDArray[np.intp]
    passes: Passes
    cost: FloatArray
    tie: FloatArray
    moved: FloatArray
    array: FloatArray


def choose(work: Work) -> Choice:
    """Return the best mapping of each element. A least tile must fit (`feasible` refuses designs where not).

    What streams past the array is cut into one tile, if the array sets the time; into any number where that
    does not fit, or DRAM sets the time, or energy counts; and where the array then sets it, or energy counts,
    into no more than 2, 8 ...; last, where runs are no multiple of bursts, tiles are made wider.
    """
    everywhere, whole = np.arange(work.shape.m.size), _in_tiles(work, 1.0)
    least = array_cycles(work.shape, work.folds, whole, np.ones_like(work.shape.m), work.timing)
    free = ~(work.timing.serial | work.timing.overlapped) & (work.timing.entering == 0)  # loads cost no time
    waits = free | (_floor(work) >= least * work.prices.rate)
    best = _best_of(work, _either(waits, work.unit, whole), (0,), np.full(least.shape, np.inf))
    index = np.flatnonzero(_repeats(work, best))
    _improve(work, best, index, (1, 2), _either(waits, work.unit, whole))
    index = np.flatnonzero(~waits & _may_gain(work, best))
    _improve(work, best, index, (0, 1, 2), work.unit)
    _cut(work, best, least, waits)
    if (work.rows.burst > 1).any():
        _widen(work, best, everywhere)
    return best


def _either(first: BoolArray, a: Granules, b: Granules) -> Granules:
    return Granules(*(np.where(first, x, y) for x, y in zip(a, b, strict=True)))


def _floor(work: Work) -> FloatArray:
    """Return the bytes that must cross."""
    s, rows = work.shape, work.rows
    return rows.a_words * rows.a + s.k * s.n * rows.b + s.m * s.n * rows.z


def _repeats(work: Work, best: Choice) -> BoolArray:
    """Return where something moves, or is loaded, twice, or in gaps; or where nothing fits yet."""
    once = (best.passes.loads == 1) & (best.moved <= _floor(work))
    return np.asarray(~once | np.isinf(best.cost))


def _may_gain(work: Work, best: Choice) -> BoolArray:
    """Return where several tiles of what streams may cost less than one."""
    waits = ~(best.array >= best.moved / work.prices.rate) | np.isinf(best.cost)
    return np.asarray(_repeats(work, best) & (waits | work.prices.single | _of_energy(work)))


def _of_energy(work: Work) -> BoolArray:
    return work.prices.by_energy | work.prices.by_product


def _cut(work: Work, best: Choice, least: FloatArray, waits: BoolArray) -> None:
    """Try few tiles of what streams, where the array loads blocks again and sets the time, or energy counts.

    `least`: cycles of the array with one load. `waits`: where one tile has not been tried.
    """
    slow = (best.array > best.moved / work.prices.rate) & (best.cost * _WORTH > least)
    index = np.flatnonzero((best.passes.loads > 1) & (slow | _of_energy(work)))
    once = index[waits.take(index)]
    _improve(work, best, once, (0, 1, 2), _in_tiles(work.take(once), 1.0))
    most, count = best.passes.loads.take(index), 2.0
    while index.size:
        part = work.take(index)
        bound = np.maximum(least.take(index), _floor(part) / part.prices.rate)
        gain = best.cost.take(index) * _WORTH > bound
        at = np.flatnonzero((count < most) & (gain | _of_energy(part)))
        index, most = index.take(at), most.take(at)
        _improve(work, best, index, (0, 1, 2), _in_tiles(part.take(at), count))
        count *= _STEP


def _widen(work: Work, best: Choice, everywhere: NDArray[np.intp]) -> None:
    """Try tiles of whole bursts along N and K, where traffic counts and more than a tenth of it is gaps."""
    p, s, rows = best.passes, work.shape, work.rows
    sums = 2 * (p.z - 1) * rows.sums
    asked = p.a * rows.a_words * rows.a + p.b * s.k * s.n * rows.b + s.m * s.n * (rows.z + sums)
    counts = (best.moved >= best.array * work.prices.rate) | work.prices.single | _of_energy(work)
    index = everywhere[counts & (best.moved > asked * 1.1)]
    if index.size:
        part = work.take(index)
        n, k = (
            np.minimum(size, unit * np.ceil(part.rows.burst / (part.problem.word * unit)))
            for size, unit in ((part.shape.n, part.unit.n), (part.shape.k, part.unit.k))
        )
        _improve(work, best, index, (0, 1, 2), Granules(part.unit.m, n, k))


def _improve(
    work: Work, best: Choice, index: NDArray[np.intp], stays: tuple[int, ...], unit: Granules
) -> None:
    """Try what may cost less at some elements: other matrices that stay, other least tiles.

    `unit`: of these elements, or of all.
    """
    if index.size:
        part = work.take(index)
        if unit.m.size != index.size:
            unit = Granules(*(column.take(index) for column in unit))
        _put(best, index, _best_of(part, unit, stays, _limit(part, best, index)))


def _limit(work: Work, best: Choice, index: NDArray[np.intp]) -> FloatArray:
    """Return what passes may cost at most if the stated cost is to be less than the best so far."""
    p, cost = work.prices, best.cost.take(index)
    result = work.shape.m * work.shape.n * work.rows.z
    # Where the array loads every block once, time is only to be had from less traffic, and energy as well.
    once = best.passes.loads.take(index) == 1
    by_time = np.where(once & np.isfinite(cost), best.moved.take(index) * (1 - 1e-11), cost * p.rate)
    most = np.where(p.by_energy, cost - result * p.dram, by_time - result)
    return np.where(p.by_product, np.inf, most)


def fit(p: Problem, sizes: Granules) -> BoolArray:
    """Return where tiles of some sizes fit the memories."""
    m, n, k = sizes
    a, b, z = m * k * p.word, k * n * p.word, m * n * p.partial
    together = a + b + np.where(p.apart, 0.0, z) <= p.capacity_a
    apart = (a <= p.capacity_a) & (b <= p.capacity_b)
    sums = (z <= p.capacity_z) | (p.shared & ~p.apart)
    return np.asarray(np.where(p.shared, together, apart) & sums)


def _in_tiles(work: Work, count: float) -> Granules:
    """Return the least tile that cuts what streams into no more tiles than `count`."""
    s, u, f = work.shape, work.unit, work.folds
    m, n, k = (size * np.ceil(fold / count) for size, fold in zip(u, f, strict=True))
    streams_m, streams_k = s.ws, s.os
    return Granules(
        np.where(streams_m, m, u.m),
        np.where(streams_m | streams_k, u.n, np.minimum(n, s.n)),
        np.where(streams_k, np.minimum(k, s.k), u.k),
    )


def _best_of(work: Work, unit: Granules, stays: tuple[int, ...], limit: FloatArray) -> Choice:
    """Return the best candidate of least traffic, of tiles no less than `unit`."""
    tiles = least_traffic(work.problem, unit, [STAYS[place] for place in stays], limit)
    found = [counted(work, some, place) for some, place in zip(tiles, stays, strict=True)]
    return reduce(_better, found)


def counted(work: Work, tiles: Tiles, place: int) -> Choice:
    """Return tiles with what they cost while STAYS[place] stays; infinite where there are none."""
    s, price = work.shape, work.prices
    p = passes(s, work.folds, tiles, STAYS[place])
    sizes = parts(s, work.unit, tiles)
    bytes_ = bytes_of(s, tiles, sizes, work.rows)
    moved = bytes_.moved(p)
    transfer, array = moved / price.rate, array_cycles(s, work.folds, sizes, p.loads, work.timing)
    waits = np.where(price.single, transfer + array, np.maximum(transfer, array))
    cycles = waits + price.issue * p.tiles
    inside = p.a * bytes_.a * price.a + p.b * bytes_.b * price.b + 2 * (p.z - 1) * bytes_.sums * price.z
    energy = moved * price.dram + inside + p.loads * price.block
    cost = np.where(price.by_energy, energy, np.where(price.by_product, cycles * energy, cycles))
    fits = np.isfinite(p.tiles)
    return Choice(
        tiles,
        np.full(cost.shape, place, dtype=np.intp),
        p,
        np.where(fits, cost, np.inf),
        np.where(price.by_energy, cycles, energy),
        moved,
        array,
    )


def _wins(new: Choice, cost: FloatArray, tie: FloatArray) -> BoolArray:
    return np.asarray((new.cost < cost) | ((new.cost == cost) & (new.tie < tie)))


def _better(old: Choice, new: Choice) -> Choice:
    won = _wins(new, old.cost, old.tie)

    def pick(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.where(won, b, a)

    return Choice(
        Tiles(*map(pick, old.tiles, new.tiles)),
        np.where(won, new.stays, old.stays),
        Passes(*map(pick, old.passes, new.passes)),
        pick(old.cost, new.cost),
        pick(old.tie, new.tie),
        pick(old.moved, new.moved),
        pick(old.array, new.array),
    )


def _put(best: Choice, index: NDArray[np.intp], found: Choice) -> None:
    """Put what was found for some elements where it costs less."""
    won = _wins(found, best.cost[index], best.tie[index])
    at = index[won]
    for old, new in ((best.tiles, found.tiles), (best.passes, found.passes)):
        for column, values in zip(old, new, strict=True):
            column[at] = values[won]
    best.stays[at] = found.stays[won]
    for column, values in zip(best[3:], found[3:], strict=True):
        column[at] = values[won]
