"""Tables fitted in their words: knots, slopes and offsets are chosen as integers, not rounded afterwards.

With words of up to 8 bits the search is exhaustive: every position of every knot and every line between
them (`word_lines`), put together by dynamic programming, for several steps of slopes and offsets. It finds
the best table with these steps (for the largest error, up to what lies between samples). Wider words have
more of everything than can be tried, and less to gain: there knots move by a few steps from the best real
ones, and lines by a few units. Neither is worse than rounding, where the search begins.

A line's offset is its value at 0. Storing the middle's value instead helps a line that is rounded, because a
slope's error then counts by half a segment; where both are chosen together, the offset makes up for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from approx.cpwl import tails
from approx.cpwl.fixed_point import FixedPoint, Storage, dequantised, given_scales
from approx.cpwl.function import Array, Line
from approx.cpwl.measure import max_error, rough_error, signed_error
from approx.cpwl.table import CpwlTable
from approx.cpwl.target import Quadrature, Target
from approx.cpwl.word_lines import (
    Grid,
    Lines,
    Pencil,
    Samples,
    Steps,
    Tried,
    all_lines,
    largest_errors,
    squared_errors,
)

NARROWEST, EXHAUSTIVE, WIDEST = 4, 8, 16
"""Bits of the narrowest words, of the widest of which everything is tried, and of the widest."""
NEAR_KNOT, NEAR_SLOPE, NEAR_OFFSET = 6, 8, 2
"""With wider words: by how many units knots and lines may differ from the best real table's."""
FINER = (1.0, 0.5, 0.25)
"""Parts of the least power of two that holds a whole real table, tried as steps: finer ones leave some lines
out of reach."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """What is to be put in words: the real table to begin from, its target, the words and the metric."""

    table: CpwlTable
    target: Target
    bits: int
    squared: bool
    scale: Mapping[str, float]

    @property
    def limit(self) -> int:
        """The largest integer of a word."""
        return (1 << self.bits - 1) - 1

    @property
    def free(self) -> bool:
        """True if the placement lets knots lie anywhere."""
        return self.table.placement == "minimax" or (self.table.placement == "density" and self.squared)

    def error(self, table: CpwlTable) -> float:
        """Return the error of a table in the metric."""
        if not self.squared:
            return max_error(self.target, table, table.knots)
        inside = np.clip(table.knots, self.target.lo, self.target.hi)
        q = Quadrature.build(self.target, np.unique((self.target.lo, *inside, self.target.hi)))
        return float(q.measure @ signed_error(self.target, table, q.x) ** 2)


def fit_in_words(
    table: CpwlTable,
    target: Target,
    bits: int,
    *,
    squared: bool,
    scale: float | Mapping[str, float] | None = None,
) -> CpwlTable:
    """Return the best table of at most as many segments as `table` that words of `bits` bits hold.

    Args:
        table: The real table: its placement says which knots are free, and the search begins from it.
        target: What is approximated, with the density of the squared error.
        bits: Width of every integer with its sign, 4 to 16.
        squared: Least squared error; else least largest error.
        scale: Steps, as :meth:`CpwlTable.quantize` takes them; those not given are powers of two.

    Raises:
        ValueError: If the width is out of range, or a step that is given cannot hold what it must.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not NARROWEST <= bits <= WIDEST:
        raise ValueError(f"bits = {bits!r}: must be an integer from {NARROWEST} to {WIDEST}")
    problem = Problem(table, target, bits, squared, given_scales(scale))
    best = _rounded(problem)
    least = problem.error(best)
    for steps in _steps(problem):
        grid = Grid(target, _positions(problem, steps.knots), steps, problem.limit, problem.free)
        found = _searched(problem, grid, least)
        error = math.inf if found is None else problem.error(found)
        if found is not None and error < least:
            best, least = found, error
    return best


def _rounded(problem: Problem) -> CpwlTable:
    """Return the real table rounded, with values stored at 0 or at the middles of segments."""
    found, refusals = [], []
    storages: tuple[Storage, ...] = ("intercept", "midpoint")
    for storage in storages:
        try:
            found.append(problem.table.quantize(problem.bits, storage=storage, scale=problem.scale or None))
        except ValueError as refusal:
            refusals.append(refusal)
    if not found:
        raise refusals[0]
    return min(found, key=problem.error)


def _steps(problem: Problem) -> Iterator[Steps]:
    """Yield the steps to try."""
    table, limit = problem.table, problem.limit
    asymptotes = [
        line
        for line in (problem.target.function.left, problem.target.function.right)
        if line not in ("edge", "hold")
    ]
    columns = zip(
        (table.slopes, table.intercepts), zip(*(asymptotes or [(0.0, 0.0)]), strict=True), strict=True
    )
    tried = []
    for name, (column, ends) in zip(("slopes", "offsets"), columns, strict=True):
        first = _power(max(np.abs(column).max(), np.abs(ends).max()) / limit)
        held = np.abs(ends).max() / limit
        given = problem.scale.get(name)
        tried.append([given] if given else [first * part for part in FINER if first * part >= held])
    knots = problem.scale.get("knots") or _knot_step(problem)
    yield from (Steps(knots, *pair) for pair in product(*tried))


def _power(least: float) -> float:
    """Return the least power of two that is no less."""
    return 2.0 ** math.ceil(math.log2(least)) if least > 0 else 1.0


def _knot_step(problem: Problem) -> float:
    """Return the least step of knots; a domain's end may be a step too large, as 8 is for [-8, 8).

    A knot outside the domain, where an asymptote begins, is held itself.
    """
    lo, hi = problem.target.lo, problem.target.hi
    outside = [abs(t) for t in problem.table.knots if not lo <= t <= hi]
    return _power(
        max(max(abs(lo), abs(hi)) / (problem.limit + 1), *(t / problem.limit for t in outside), 0.0)
    )


def _positions(problem: Problem, step: float) -> Integers:
    """Return where knots may lie, in steps: everywhere, near the real ones, or on the real ones, rounded."""
    limit, target = problem.limit, problem.target
    low, high = max(math.floor(target.lo / step), -limit), min(math.ceil(target.hi / step), limit)
    if problem.free and problem.bits <= EXHAUSTIVE:
        return np.arange(low, high + 1)
    near = np.rint(np.clip(problem.table.knots, target.lo, target.hi) / step).astype(np.int64)
    if problem.free:
        near = np.add.outer(near, np.arange(-NEAR_KNOT, NEAR_KNOT + 1)).ravel()
    return np.unique((low, *np.clip(near, low, high), high))


def _searched(problem: Problem, grid: Grid, bound: float) -> CpwlTable | None:
    """Return the best table with some steps, if its error is within the bound."""
    if problem.squared:
        lines = squared_errors(grid, bound)
    else:
        tried = all_lines(grid, bound) if problem.bits <= EXHAUSTIVE else _near_lines(problem, grid)
        lines = largest_errors(grid, bound, tried)
    path = _path(lines, problem.table.segments, np.add if problem.squared else np.maximum)
    return None if path is None else _table(problem, grid, lines, path)


def _near_lines(problem: Problem, grid: Grid) -> Tried:
    """Return lines within some units of the real one that begins at or near a position."""
    table, steps = problem.table, grid.steps
    middles = 0.5 * (table.knots[:-1] + table.knots[1:])
    values = table.slopes * middles + table.intercepts
    begins = table.knots[:-1] - (NEAR_KNOT + 0.5) * steps.knots * problem.free
    away, around = np.arange(-NEAR_SLOPE, NEAR_SLOPE + 1), np.arange(-NEAR_OFFSET, NEAR_OFFSET + 1)

    def tried(first: int, s: Samples) -> Pencil:
        place = np.searchsorted(begins, s.x[s.starts[first]] + 1e-9 * steps.knots, side="right") - 1
        segment = int(np.clip(place, 0, table.segments - 1))
        slopes = np.rint(table.slopes[segment] / steps.slopes) + away
        rest = values[segment] - slopes * steps.slopes * middles[segment]
        offsets = np.add.outer(np.rint(rest / steps.offsets), around).ravel()
        slopes = np.repeat(slopes, around.size)
        held = (np.abs(slopes) <= grid.limit) & (np.abs(offsets) <= grid.limit)
        return Pencil(slopes[held], offsets[held])

    return tried


def _path(lines: Lines, segments: int, add: np.ufunc) -> Integers | None:
    """Return the positions of the best chain of at most so many lines from the first position to the last."""
    size = lines.cost.shape[0]
    reached, back, ends = np.full(size, np.inf), [], []
    reached[0] = 0.0
    for _ in range(min(segments, size - 1)):
        total: Array = add(reached[:, None], lines.cost)
        back.append(total.argmin(axis=0))
        reached = total[back[-1], np.arange(size)]
        ends.append(reached[-1])
    count = int(np.argmin(ends))
    if not np.isfinite(ends[count]):
        return None
    path = [size - 1]
    for step in reversed(back[: count + 1]):
        path.append(int(step[path[-1]]))
    return np.array(path[::-1])


def _table(problem: Problem, grid: Grid, lines: Lines, path: Integers) -> CpwlTable:
    """Return the table of a chain of lines, with its tails."""
    pairs = path[:-1], path[1:]
    knots, slopes, offsets = grid.positions[path], lines.slopes[pairs], lines.offsets[pairs]
    outer = np.r_[slopes[0], slopes, slopes[-1]], np.r_[offsets[0], offsets, offsets[-1]]
    table = _as_table(problem, grid.steps, knots, *outer)
    return _with_tails(problem, grid.steps, table)


def _as_table(problem: Problem, steps: Steps, knots: Integers, slopes: Array, offsets: Array) -> CpwlTable:
    t, k, o = (tuple(int(n) for n in part) for part in (knots, slopes, offsets))
    fixed = FixedPoint(problem.bits, "intercept", (*steps,), t, k, o, bound=0.0)
    return dequantised(problem.table, fixed, np.zeros(slopes.size))


def _with_tails(problem: Problem, steps: Steps, table: CpwlTable) -> CpwlTable:
    """Let a table follow the function's asymptotes outside the domain, in integers: see `tails`.

    Where no word holds the point from which an asymptote is followed, the edge's line goes on.
    """
    target, fixed = problem.target, table.fixed_point
    assert fixed is not None  # noqa: S101 - it has been made of integers
    ends = np.array([target.lo, target.hi])
    true = target.function(ends)
    distance = rough_error(target, table, np.clip(table.knots, *ends)) * target.scale(true)
    knots, lines = np.array(fixed.knots), np.array([fixed.slopes, fixed.offsets], dtype=np.float64)
    sides: tuple[tuple[int, Literal["left", "right"]], ...] = ((0, "left"), (-1, "right"))
    for at, side in sides:
        line: Line = getattr(table, side)
        edge = tails.Edge(side, ends[at], true[at], *line)
        tail, knot = tails.choose(edge, getattr(target.function, side), distance[at])
        begins = int(np.rint(knot / steps.knots)) if knot != ends[at] else knots[at]
        if tail != line and abs(begins) <= problem.limit:
            lines[:, at], knots[at] = np.rint(np.array(tail) / steps[1:]), begins
    return _as_table(problem, steps, knots, *lines)
