"""Continuous least squares: the best values for given knots, and the best knots.

At the best free knots every segment is its own best line and neighbouring lines meet at the knot: with values
y optimal, the derivative of the squared error by a knot is (slope before - slope after) times twice the
moment of the residual against one half of the knot's hat, and the normal equation of y already makes the two
halves' moments opposite. So Newton's method solves "neighbouring best lines meet", a tridiagonal system, and
continuity comes for free.

Several sets of knots are worked on at once, a row each: the systems of all rows are solved as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, solve_banded, solveh_banded

from approx.cpwl.function import Array
from approx.cpwl.panels import Grid, Panels
from approx.cpwl.target import Target

NEWTON_STEPS = 60
CONVERGED = 1e-7
LEAST_DAMPING = 1e-3
HOPE = 4.0
"""A row falls behind when so many more steps like its last one would not bring it to the best."""


def best_values(target: Target, knots: Array) -> Array:
    """Return the values at ``knots`` of the continuous least-squares approximation, shape (N+1,)."""
    return np.asarray(_Rows.of(target, knots[None]).values[0])


def best_lines(target: Target, knots: Array) -> tuple[Array, Array]:
    """Return each segment's own best line as its values at the segment's two ends, each of shape (N,)."""
    rows = _Rows.of(target, knots[None])
    return rows.left[0], rows.right[0]


def segment_errors(target: Target, knots: Array) -> Array:
    """Return the squared error of each segment's best line, of shape (rows, N) for knots (rows, N+1)."""
    rows = _Rows.of(target, knots)
    return rows.segment_sums(rows.errors(rows.left, rows.right))


def refine_knots(target: Target, knots: Array, beat: float = np.inf) -> tuple[Array, Array]:
    """Move interior knots to a nearby minimum of the continuous squared error.

    Args:
        target: The function, domain and metric.
        knots: Starts, shape (rows, N+1). Only the best row is brought to its minimum: one that falls behind
            is given up.
        beat: An error known already; rows that will not come below it are given up too.

    Returns:
        The knots of each row and their squared errors (rows,), never more than at the start.
    """
    found = knots.copy()
    now = _Rows.of(target, knots)
    error, step, damping = now.error.copy(), now.newton_step(), np.ones(len(knots))
    active = np.flatnonzero(np.isfinite(step).all(axis=1))
    for _ in range(NEWTON_STEPS):
        if active.size == 0:
            break
        trial = _moved(found[active], damping[active, None] * step[active])
        now = _Rows.of(target, trial)
        better = now.error < error[active]
        gain = error[active] - now.error
        rows = active[better]
        found[rows], error[rows], step[rows] = trial[better], now.error[better], now.newton_step()[better]
        done = better & (gain < CONVERGED * (now.error + gain))
        done |= better & (now.error - min(beat, error.min()) > HOPE * gain)
        damping[active] = np.where(better, np.minimum(1.0, 2 * damping[active]), 0.25 * damping[active])
        stuck = (damping[active] <= LEAST_DAMPING) | ~np.isfinite(step[active]).all(axis=1)
        active = active[~(done | stuck)]
    return found, error


def _moved(knots: Array, step: Array) -> Array:
    """Move interior knots by ``step``, scaled down so that no segment loses more than half of its width."""
    change = np.zeros_like(knots)
    change[:, 1:-1] = step
    shrink = (-np.diff(change) / np.diff(knots)).max(axis=1, keepdims=True)
    return np.asarray(knots + change / np.maximum(1.0, 2 * shrink))


@dataclass(frozen=True)
class _Rows:
    """Several sets of knots with the least-squares moments of their segments.

    Attributes:
        target: What is approximated.
        knots: Shape (rows, N+1).
        panels: The domain's panels, cut at the knots, (rows, panels).
        slot: The flat number of each panel's segment, row * N + segment.
        position: Where each panel's centre lies in its segment, 0 to 1.
        variance: Each panel's variance over the squared width of its segment.
        slope: Each panel's slope times the width of its segment.
    """

    target: Target
    knots: Array
    panels: Panels
    slot: NDArray[np.intp]
    position: Array
    variance: Array
    slope: Array

    @classmethod
    def of(cls, target: Target, knots: Array) -> _Rows:
        panels, segment = Grid.of(target).cut(target, knots)
        slot = segment + np.arange(len(knots))[:, None] * (knots.shape[1] - 1)
        left, width = knots[:, :-1].ravel()[slot], np.diff(knots).ravel()[slot]
        position, share = (panels.centre - left) / width, width / (target.hi - target.lo)
        return cls(target, knots, panels, slot, position, panels.variance / share**2, panels.slope * share)

    def segment_sums(self, parts: Array) -> Array:
        """Add up over the panels of each segment, to (rows, N)."""
        rows, knots = self.knots.shape
        sums = np.bincount(self.slot.ravel(), weights=parts.ravel(), minlength=rows * (knots - 1))
        return np.asarray(sums.reshape(rows, knots - 1), dtype=np.float64)

    @cached_property
    def moments(self) -> tuple[Array, Array, Array, Array, Array]:
        """The segments' Gram matrix of their two hats, and the function's moments, each (rows, N)."""
        t, v, m = self.position, self.variance, self.panels.weight
        u, value, twist = 1 - t, self.panels.value, self.slope * v
        parts = (u * u + v, t * u - v, t * t + v, u * value - twist, t * value + twist)
        g00, g01, g11, b0, b1 = (self.segment_sums(m * part) for part in parts)
        return g00, g01, g11, b0, b1

    @cached_property
    def inverse(self) -> tuple[Array, Array, Array]:
        """The inverse Gram matrix of each segment: its entries 00, 01 and 11."""
        g00, g01, g11, _, _ = self.moments
        det = g00 * g11 - g01**2
        return g11 / det, -g01 / det, g00 / det

    @cached_property
    def left(self) -> Array:
        """Each segment's own best line at its left end, (rows, N)."""
        return self.inverse[0] * self.moments[3] + self.inverse[1] * self.moments[4]

    @cached_property
    def right(self) -> Array:
        """Each segment's own best line at its right end, (rows, N)."""
        return self.inverse[1] * self.moments[3] + self.inverse[2] * self.moments[4]

    @cached_property
    def values(self) -> Array:
        """The best continuous approximation's values at the knots, (rows, N+1)."""
        g00, g01, g11, b0, b1 = self.moments
        diagonal, right, beside = np.zeros((3, *self.knots.shape))
        diagonal[:, :-1] += g00
        diagonal[:, 1:] += g11
        right[:, :-1] += b0
        right[:, 1:] += b1
        # Symmetric scaling: relative weights differ by many orders of magnitude over a domain.
        unit = 1 / np.sqrt(diagonal)
        beside[:, :-1] = g01 * unit[:, :-1] * unit[:, 1:]
        band = np.stack((np.ones(diagonal.size), beside.ravel()))
        solution = solveh_banded(band, (unit * right).ravel(), lower=True, check_finite=False)
        return np.asarray(unit * solution.reshape(unit.shape))

    def errors(self, left: Array, right: Array) -> Array:
        """Return each panel's squared error of lines with these values at the segments' ends, (rows, N)."""
        start, rise = left.ravel()[self.slot], (right - left).ravel()[self.slot]
        miss = self.panels.value - start - rise * self.position
        return self.panels.rest + self.panels.weight * (miss**2 + self.variance * (self.slope - rise) ** 2)

    @cached_property
    def error(self) -> Array:
        """The squared error of the best continuous approximation, (rows,)."""
        return np.asarray(self.errors(self.values[:, :-1], self.values[:, 1:]).sum(axis=1))

    def newton_step(self) -> Array:
        """Return the step of "the best lines meet at every interior knot", (rows, N-1); NaN where none is."""
        left, right, inverse = self.left, self.right, self.inverse
        slope = (right - left) / np.diff(self.knots)
        values = self.target.function(self.knots)
        weight = self.target.weight(self.knots) / np.where(values == 0, 1.0, self.target.scale(values)) ** 2
        # Moving an end takes in or gives up weight * residual there, which the reproducing kernel spreads.
        at_left, at_right = weight[:, :-1] * (values[:, :-1] - left), weight[:, 1:] * (values[:, 1:] - right)
        diagonal = (slope[:, :-1] + at_right[:, :-1] * inverse[2][:, :-1]) - (
            slope[:, 1:] - at_left[:, 1:] * inverse[0][:, 1:]
        )
        lower, upper = -at_left[:, :-1] * inverse[1][:, :-1], -at_right[:, 1:] * inverse[1][:, 1:]
        return _solved(lower, diagonal, upper, left[:, 1:] - right[:, :-1])


def _solved(lower: Array, diagonal: Array, upper: Array, wanted: Array) -> Array:
    """Solve a tridiagonal system a row, all of shape (rows, n); a row without a solution is NaN.

    The first of ``lower`` and the last of ``upper`` in a row lie outside its system.
    """
    lower, upper = lower.copy(), upper.copy()
    lower[:, :1] = upper[:, -1:] = 0.0
    usable = np.isfinite(lower + diagonal + upper + wanted).all(axis=1)
    below, above = np.roll(lower[usable].ravel(), -1), np.roll(upper[usable].ravel(), 1)
    solution = np.full(wanted.shape, np.nan)
    if wanted.size == 0 or not usable.any():
        return solution
    try:
        band = np.stack((above, diagonal[usable].ravel(), below))
        flat = solve_banded((1, 1), band, wanted[usable].ravel(), check_finite=False)
    except LinAlgError:
        if usable.sum() > 1:  # one singular row must not cost the others their step
            each = (slice(i, i + 1) for i in range(len(wanted)))
            return np.concatenate([_solved(lower[i], diagonal[i], upper[i], wanted[i]) for i in each])
        return solution
    solution[usable] = flat.reshape(-1, wanted.shape[1])
    return solution
