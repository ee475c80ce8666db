"""Bias corrections: which values a continuous approximation takes at given knots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from approx.cpwl.function import Array
from approx.cpwl.least_squares import best_values
from approx.cpwl.measure import parabola_vertex, sample_points
from approx.cpwl.target import Quadrature, Target

SLACK = 1e-9
"""Relative slack on the error within which touching constraints count as met."""
EXCHANGES = 3


def interpolate(target: Target, knots: Array) -> Array:
    """Return the function's values at the knots: no correction."""
    return target.function(knots)


def zero_mean(target: Target, knots: Array) -> Array:
    """Shift the interpolant, by the same error everywhere, so that its mean error under the density is zero."""
    points = Quadrature.build(target, knots, floor=0.0)
    values = target.function(knots)
    unit = target.scale(values)
    error = (np.interp(points.x, knots, values) - points.values) / points.scale
    effect = np.interp(points.x, knots, unit) / points.scale
    return np.asarray(values - unit * float(points.measure @ error) / float(points.measure @ effect))


def minimax(target: Target, knots: Array) -> Array:
    """Return the values of the continuous approximation with the least maximum error on these knots.

    The error cannot be less than any segment's ends and worst interior point alone force. It is reached when every
    knot's value can be shifted into the range that both of its segments allow; where two neighbours bend
    in opposite ways and disagree, a small linear programme over the segments around that knot decides. Inside
    the allowed ranges the values follow least squares.
    """
    samples = _Samples.take(target, knots)
    error = samples.least_error()
    low, high = samples.allowed(error)
    settled = np.full(knots.size, np.nan)
    for run in _disputed_runs(samples, low, high, error):
        shifts, forced = _programme(samples, run, error)
        settled[run] = shifts
        error = max(error, forced)
    low, high = samples.allowed(error)
    middle = 0.5 * (low + high)
    wanted = (best_values(target, knots) - samples.at_knots) / samples.unit
    shift = np.clip(wanted, np.minimum(low, middle), np.maximum(high, middle))
    shift = np.where(np.isnan(settled), shift, settled)
    return np.asarray(samples.at_knots + shift * samples.unit)


@dataclass
class _Samples:
    """The interpolant's error at sample points, grouped by segment.

    Shifts of the values at the knots are counted in units of the knots' error scale.
    """

    target: Target
    knots: Array
    at_knots: Array
    unit: Array
    x: Array
    excess: Array
    scale: Array
    lift: Array
    segment: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def take(cls, target: Target, knots: Array) -> _Samples:
        x = sample_points(target, knots)
        coarse = cls.at(target, knots, x)
        refined = parabola_vertex(x, np.abs(coarse.excess) / (coarse.scale + coarse.lift), coarse.peaks())
        return cls.at(target, knots, np.unique(np.concatenate((x, np.clip(refined, target.lo, target.hi)))))

    @classmethod
    def at(cls, target: Target, knots: Array, x: Array) -> _Samples:
        values, at_knots = target.function(x), target.function(knots)
        unit = target.scale(at_knots)
        segment = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, knots.size - 2)
        return cls(
            target,
            knots,
            at_knots,
            unit,
            x,
            np.interp(x, knots, at_knots) - values,
            target.scale(values),
            np.interp(x, knots, unit),
            segment,
            np.searchsorted(segment, np.arange(knots.size - 1)),
        )

    def forced(self) -> Array:
        """Return the error that each sample and the ends of its segment force."""
        return np.asarray(np.abs(self.excess) / (self.scale + self.lift))

    def peaks(self) -> NDArray[np.intp]:
        """Return the index of each segment's largest forced error."""
        forced = self.forced()
        top = np.maximum.reduceat(forced, self.starts)
        return np.flatnonzero(forced >= top[self.segment])

    def least_error(self) -> float:
        """Return a lower bound of the maximum error."""
        return float(self.forced().max())

    def allowed(self, error: float) -> tuple[Array, Array]:
        """Return a range for each knot's shift; shifts anywhere in their ranges keep all errors within ``error``."""
        low = np.maximum.reduceat((-self.excess - error * self.scale) / self.lift, self.starts)
        high = np.minimum.reduceat((-self.excess + error * self.scale) / self.lift, self.starts)
        return (
            np.maximum(np.append(low, low[-1]), np.insert(low, 0, low[0])),
            np.minimum(np.append(high, high[-1]), np.insert(high, 0, high[0])),
        )

    def bends(self, error: float) -> Array:
        """Return +1 where a segment's interpolant lies above the function, -1 below, 0 where it does both."""
        slack = SLACK * error * self.scale
        above = np.logical_and.reduceat(self.excess >= -slack, self.starts)
        below = np.logical_and.reduceat(self.excess <= slack, self.starts)
        return above.astype(np.float64) - below.astype(np.float64)


def _disputed_runs(samples: _Samples, low: Array, high: Array, error: float) -> Iterator[slice]:
    """Yield the ranges of knots that must be settled together.

    A knot between two segments that bend the same way is free: shifting it by the whole error towards the
    function is the best for both. So a run spreads from a disputed knot to the nearest free ones.
    """
    disputed = low > high + SLACK * error
    if not disputed.any():
        return
    bends = samples.bends(error)
    free = np.concatenate(([True], (bends[1:] == bends[:-1]) & (bends[1:] != 0), [True])) & ~disputed
    stops = np.flatnonzero(free)
    if stops.size == 0 or stops[0] != 0:
        stops = np.insert(stops, 0, 0)
    if stops[-1] != free.size - 1:
        stops = np.append(stops, free.size - 1)
    first: int | None = None
    for a, b in zip(stops[:-1], stops[1:], strict=True):
        if disputed[a : b + 1].any():
            first = int(a) if first is None else first
        elif first is not None:
            yield slice(first, int(a) + 1)
            first = None
    if first is not None:
        yield slice(first, int(stops[-1]) + 1)


def _programme(samples: _Samples, run: slice, error: float) -> tuple[Array, float]:
    """Return the shifts of the run's knots with the least maximum error, and that error.

    The programme is solved on the samples, then again with the peaks of its solution's error added.
    """
    target = samples.target
    knots = samples.knots[run]
    x = samples.x[(samples.x >= knots[0]) & (samples.x <= knots[-1])]
    ends = _end_bounds(samples, run, error)
    for _ in range(EXCHANGES):
        part = _Samples.at(target, knots, x)
        shifts, forced = _solve(part, ends, error)
        fitted = (part.excess + np.interp(x, knots, shifts * part.unit)) / part.scale
        size = np.abs(fitted)
        inner = np.flatnonzero((size[1:-1] >= size[:-2]) & (size[1:-1] >= size[2:])) + 1
        x = np.unique(np.concatenate((x, np.clip(parabola_vertex(x, fitted, inner), knots[0], knots[-1]))))
    return shifts, forced


def _end_bounds(samples: _Samples, run: slice, error: float) -> tuple[float, float]:
    """Return the bend of the segments outside the run at its two ends (0 at the domain's ends)."""
    bends = samples.bends(error)
    before = float(bends[run.start - 1]) if run.start > 0 else 0.0
    after = float(bends[run.stop - 1]) if run.stop < samples.knots.size else 0.0
    return before, after


def _solve(part: _Samples, ends: tuple[float, float], error: float) -> tuple[Array, float]:
    """Minimise the maximum error over the shifts, in units of ``error``."""
    n, rows = part.knots.size, np.arange(part.x.size)
    at = (part.x - part.knots[part.segment]) / np.diff(part.knots)[part.segment]
    left, right = (1 - at) * part.unit[part.segment], at * part.unit[part.segment + 1]
    entries = np.concatenate((left / part.scale, right / part.scale))
    columns = np.concatenate((part.segment, part.segment + 1))
    hats = csr_matrix((entries, (np.tile(rows, 2), columns)), shape=(rows.size, n)).toarray()
    ones = np.ones((rows.size, 1))
    limit = part.excess / (part.scale * error)
    fixed = np.zeros((2, n + 1))
    for row, (bend, knot) in enumerate(zip(ends, (0, n - 1), strict=True)):
        fixed[row, [knot, n]] = (1.0, bend) if bend else (0.0, 0.0)
    solved = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.block([[hats, -ones], [-hats, -ones]]),
        b_ub=np.concatenate((-limit, limit)),
        A_eq=fixed[[bool(bend) for bend in ends]] if any(ends) else None,
        b_eq=np.zeros(sum(bool(bend) for bend in ends)) if any(ends) else None,
        bounds=[(None, None)] * n + [(0, None)],
        method="highs",
    )
    if solved.x is None:
        raise RuntimeError(f"minimax: the linear programme failed: {solved.message}")
    return np.asarray(solved.x[:n] * error), float(solved.x[n] * error)


BIASES: MappingProxyType[str, Callable[[Target, Array], Array]] = MappingProxyType(
    {"none": interpolate, "minimax": minimax, "least_squares": best_values, "mean": zero_mean}
)
"""Every bias correction by name: (target, knots of shape (N+1,)) to values of shape (N+1,)."""
