"""The best line that words can hold between any two of some positions: exact, over integers.

A line is slope * x + offset, both integers times their steps. For the largest error every line that passes
within a bound of the function at both ends of the first cell is followed from cell to cell until it leaves
the bound; for the squared error the best offset of each slope follows from sums, and both of its integer
neighbours are looked at by rounding it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from approx.cpwl.function import Array
from approx.cpwl.target import Quadrature, Target

AWAY = 254
"""Slopes that are tried on each side of the best real one, at most: all that a word of 8 bits has."""
POINTS = 2048
"""Points at which errors are sampled, at least; each cell between positions has 4 or more."""


class Steps(NamedTuple):
    """What one unit of the integers of each part is worth."""

    knots: float
    slopes: float
    offsets: float


@dataclass(frozen=True)
class Grid:
    """Positions on which knots may lie, and the words that lines are made of.

    Attributes:
        target: The function, its domain and metric.
        positions: Ascending integers, shape (P,); the outer ones reach to the ends of the domain or
            beyond, or as far as words do. What lies beyond belongs to the outer cells.
        steps: Units of knots, slopes and offsets.
        limit: The largest integer of a word.
        free: Lines may reach over several cells; else each cell has its own.
    """

    target: Target
    positions: NDArray[np.int64]
    steps: Steps
    limit: int
    free: bool

    @property
    def ends(self) -> Array:
        """The cells' ends inside the domain, shape (P,)."""
        ends = np.clip(self.positions * self.steps.knots, self.target.lo, self.target.hi)
        ends[[0, -1]] = self.target.lo, self.target.hi
        return np.asarray(ends)

    @property
    def centre(self) -> float:
        """The middle of the domain."""
        return float(0.5 * (self.target.lo + self.target.hi))


class Lines(NamedTuple):
    """For each pair of positions, shape (P, P): the least error of one line between them, and that line.

    Infinite where no line is within the bound, and where the second is not above the first.
    """

    cost: Array
    slopes: Array
    offsets: Array


class Pencil(NamedTuple):
    """Lines that are tried from one position on, as integers."""

    slopes: Array
    offsets: Array


Tried = Callable[[int, "Samples"], Pencil]
"""From a position's index and the samples to the lines tried from there."""


class Samples(NamedTuple):
    """The function at points of each cell, both ends included; `starts` has where each cell begins."""

    x: Array
    values: Array
    scale: Array
    starts: NDArray[np.intp]


def samples(grid: Grid) -> Samples:
    """Sample the function in proportion to the cells' widths."""
    ends, target = grid.ends, grid.target
    counts = np.maximum(np.ceil(np.diff(ends) / (target.hi - target.lo) * POINTS), 4).astype(int) + 1
    cells = [np.linspace(a, b, count) for a, b, count in zip(ends[:-1], ends[1:], counts, strict=True)]
    x = np.concatenate(cells)
    values = target.function(x)
    return Samples(x, values, target.scale(values), np.concatenate(([0], np.cumsum(counts))))


def all_lines(grid: Grid, bound: float) -> Tried:
    """Return all lines whose error is within `bound` at both ends of the first cell."""

    def tried(first: int, s: Samples) -> Pencil:
        ends = s.starts[first], s.starts[first + 1] - 1
        x, values, reach = s.x.take(ends), s.values.take(ends), bound * s.scale.take(ends)
        steepest, rise, step = reach.sum() / np.diff(x)[0], np.diff(values)[0] / np.diff(x)[0], grid.steps
        least = max(math.ceil((rise - steepest) / step.slopes), -grid.limit)
        most = min(math.floor((rise + steepest) / step.slopes), grid.limit)
        slopes = np.arange(least, most + 1, dtype=np.float64)
        rest = values - np.multiply.outer(slopes * step.slopes, x)
        low = np.maximum(np.ceil(((rest - reach) / step.offsets).max(axis=1, initial=-np.inf)), -grid.limit)
        high = np.minimum(np.floor(((rest + reach) / step.offsets).min(axis=1, initial=np.inf)), grid.limit)
        return _pencil(slopes, low, np.maximum(high - low + 1, 0))

    return tried


def _pencil(slopes: Array, low: Array, count: Array) -> Pencil:
    """Return each slope with each of its offsets."""
    each = count.astype(int)
    within = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    return Pencil(np.repeat(slopes, each), np.repeat(low, each) + within)


def largest_errors(grid: Grid, bound: float, tried: Tried) -> Lines:
    """Return the lines of least largest error, of those tried and within `bound`."""
    s, lines = samples(grid), _none(grid)
    for first in range(grid.positions.size - 1):
        pencil = tried(first, s)
        _follow(grid, s, first, pencil, bound, lines)
    return lines


def _follow(grid: Grid, s: Samples, first: int, pencil: Pencil, bound: float, lines: Lines) -> None:
    """Follow lines from a position over one cell after another while any is within the bound."""
    slopes, offsets = pencil
    error = np.zeros(slopes.shape)
    for last in range(first + 1, grid.positions.size if grid.free else first + 2):
        cell = slice(s.starts[last - 1], s.starts[last])
        value = (
            np.multiply.outer(slopes * grid.steps.slopes, s.x[cell]) + (offsets * grid.steps.offsets)[:, None]
        )
        here = np.abs(s.values[cell] - value) / s.scale[cell]
        error = np.maximum(error, here.max(axis=1, initial=0.0))
        within = error <= bound
        if not within.all():
            slopes, offsets, error = slopes[within], offsets[within], error[within]
        if not error.size:
            return
        best = error.argmin()
        for part, value_ in zip(lines, (error, slopes, offsets), strict=True):
            part[first, last] = value_[best]


def squared_errors(grid: Grid, bound: float) -> Lines:
    """Return the lines of least squared error under the target's density, where below `bound`.

    For a slope the best offset is the mean of what is left, rounded. Slopes are tried as far from the best
    real one as a rounded offset can make worth while: by then they cost more than half a step of it does.
    """
    lines, sums = _none(grid), _Sums.of(grid)
    for first in range(grid.positions.size - 1):
        part = sums.beyond(first)
        reach = int(np.searchsorted(part.least[: None if grid.free else 1], bound, side="right"))
        if reach:
            _put_squared(grid, part.until(reach), first, lines)
    return lines


class _Sums(NamedTuple):
    """Integrals from one position to each later one: of 1, x, x^2, f, f x and f^2, shape (P,) each.

    x is counted from the middle of the domain, so that less cancels.
    """

    one: Array
    x: Array
    xx: Array
    f: Array
    fx: Array
    ff: Array

    @classmethod
    def of(cls, grid: Grid) -> _Sums:
        ends = grid.ends
        q = Quadrature.build(grid.target, ends)
        weight, x = q.measure / q.scale**2, q.x - grid.centre
        powers = [weight, weight * x, weight * x * x, weight * q.values]
        powers += [weight * q.values * x, weight * q.values**2]
        cells = q.sums(np.stack(powers))
        whole = np.concatenate((np.zeros((len(powers), 1)), np.cumsum(cells, axis=1)), axis=1)
        return cls(*whole)

    def beyond(self, first: int) -> _Sums:
        return _Sums(*(part[first + 1 :] - part[first] for part in self))

    def until(self, count: int) -> _Sums:
        return _Sums(*(part[:count] for part in self))

    @property
    def spread(self) -> Array:
        """The integral of (x - its mean)^2."""
        return np.maximum(self.xx - self.x**2 / self.one, np.finfo(float).tiny)

    @property
    def slope(self) -> Array:
        """The best real slope."""
        return np.asarray((self.fx - self.f * self.x / self.one) / self.spread)

    @property
    def least(self) -> Array:
        """The squared error of the best real line; rising."""
        error = self.ff - self.f**2 / self.one - self.slope**2 * self.spread
        return np.maximum.accumulate(error)


def _put_squared(grid: Grid, s: _Sums, first: int, lines: Lines) -> None:
    away = 0.5 * grid.steps.offsets / grid.steps.slopes * np.sqrt(s.one / s.spread)
    most = min(math.ceil(away.max()) + 1, AWAY)
    near = np.rint(s.slope / grid.steps.slopes) + np.arange(-most, most + 1)[:, None]
    slopes = np.clip(near, -grid.limit, grid.limit)
    slope = slopes * grid.steps.slopes
    mean = (s.f - slope * s.x) / s.one - slope * grid.centre
    offsets = np.clip(np.round(mean / grid.steps.offsets), -grid.limit, grid.limit)
    offset = offsets * grid.steps.offsets + slope * grid.centre
    crossed = slope * s.fx + offset * s.f - slope * offset * s.x
    error = s.ff + slope**2 * s.xx + offset**2 * s.one - 2 * crossed
    chosen, every = error.argmin(axis=0), np.arange(s.one.size)
    there = slice(first + 1, first + 1 + s.one.size)
    lines.cost[first, there] = np.maximum(error[chosen, every], 0.0)
    lines.slopes[first, there] = slopes[chosen, every]
    lines.offsets[first, there] = offsets[chosen, every]


def _none(grid: Grid) -> Lines:
    shape = (grid.positions.size, grid.positions.size)
    return Lines(np.full(shape, np.inf), np.zeros(shape), np.zeros(shape))
