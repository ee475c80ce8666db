"""Bias corrections: which values a continuous approximation takes at given knots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from approx.cpwl.chain import Chain, Piece
from approx.cpwl.function import Array
from approx.cpwl.least_squares import best_lines, best_values
from approx.cpwl.measure import sample_points, zoom
from approx.cpwl.target import Quadrature, Target

SLACK = 1e-9
"""Relative slack on the error within which touching constraints count as met."""
NEAR = 1e-6
FINE = 160
"""Samples of a segment whose ends are disputed."""


def interpolate(target: Target, knots: Array) -> Array:
    """Return the function's values at the knots: no correction."""
    return target.function(knots)


def zero_mean(target: Target, knots: Array) -> Array:
    """Shift the interpolant, by the same error everywhere, to a mean error of zero under the density."""
    points = Quadrature.build(target, knots, bounded=False)
    values = target.function(knots)
    unit = target.scale(values)
    error = (np.interp(points.x, knots, values) - points.values) / points.scale
    effect = np.interp(points.x, knots, unit) / points.scale
    return np.asarray(values - unit * float(points.measure @ error) / float(points.measure @ effect))


def minimax(target: Target, knots: Array) -> Array:
    """Return the values of the continuous approximation with the least maximum error on these knots.

    The error cannot be less than any segment's ends and worst interior point alone force. It is reached when
    every knot's value can be shifted into the range that both of its segments allow; where two neighbours
    bend in opposite ways and disagree, the segments around that knot are settled together
    (:mod:`approx.cpwl.chain`). Inside the allowed ranges the values follow least squares.
    """
    samples = _Samples.take(target, knots)
    error = samples.least_error()
    low, high = samples.allowed(error)
    wanted = (best_values(target, knots) - samples.at_knots) / samples.unit
    settled = np.full(knots.size, np.nan)
    for run in _disputed_runs(samples, low, high, error):
        settled[run], forced = _settle(samples, run, wanted, error)
        error = max(error, forced)
    if not np.isnan(settled).all():
        low, high = samples.allowed(error)
    middle = 0.5 * (low + high)
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
        peaks = coarse.peaks()
        left, right = x[np.maximum(peaks - 1, 0)], x[np.minimum(peaks + 1, x.size - 1)]
        refined, _ = zoom(coarse.forced_at, left, right, rounds=3)
        return cls.at(target, knots, np.unique(np.concatenate((x, refined))))

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

    def forced_at(self, x: Array) -> Array:
        """Return the same at other points, of any shape."""
        values = self.target.function(x)
        width = self.target.scale(values) + np.interp(x, self.knots, self.unit)
        return np.asarray(np.abs(np.interp(x, self.knots, self.at_knots) - values) / width)

    def peaks(self) -> NDArray[np.intp]:
        """Return the index of each segment's largest forced error."""
        forced = self.forced()
        top = np.maximum.reduceat(forced, self.starts)
        return np.flatnonzero(forced >= top[self.segment])

    def least_error(self) -> float:
        """Return a lower bound of the maximum error."""
        return float(self.forced().max())

    def allowed(self, error: float) -> tuple[Array, Array]:
        """Return a range for each knot's shift; shifts inside them keep every error within ``error``."""
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
    for a, b in pairwise(stops):
        if disputed[a : b + 1].any():
            first = int(a) if first is None else first
        elif first is not None:
            yield slice(first, int(a) + 1)
            first = None
    if first is not None:
        yield slice(first, int(stops[-1]) + 1)


def _settle(samples: _Samples, run: slice, wanted: Array, error: float) -> tuple[Array, float]:
    """Return the shifts of the run's knots with the least maximum error, and that error."""
    bends = np.concatenate(([0.0], samples.bends(error), [0.0]))
    ends = -float(bends[run.start]), -float(bends[run.stop])
    knots, unit = samples.knots[run], samples.unit[run]
    shifts, forced = Chain(_pieces(samples, knots), ends, wanted[run] * unit).solve(error)
    return shifts / unit, forced


def _pieces(samples: _Samples, knots: Array) -> list[Piece]:
    """Sample the segments between neighbouring knots of the table finely."""
    even = (knots[:-1, None] + np.diff(knots)[:, None] * np.linspace(0.0, 1.0, FINE, endpoint=False)).ravel()
    inside = samples.x[(samples.x >= knots[0]) & (samples.x <= knots[-1])]
    part = _Samples.at(samples.target, knots, np.unique(np.concatenate((even, inside))))
    pieces = []
    for i in range(knots.size - 1):
        own = slice(part.starts[i], part.starts[i + 1] + 1 if i + 2 < knots.size else None)
        at = (part.x[own] - knots[i]) / (knots[i + 1] - knots[i])
        # Rounding errors of samples beside a knot would be magnified by the distance from it.
        kept = ((at > NEAR) & (at < 1 - NEAR)) | (at == 0) | (at == 1)
        pieces.append(Piece(at[kept], part.excess[own][kept], part.scale[own][kept]))
    return pieces


def interpolating_lines(target: Target, knots: Array) -> tuple[Array, Array]:
    """Return the lines through the function's values at the knots."""
    values = target.function(knots)
    return values[:-1], values[1:]


def zero_mean_lines(target: Target, knots: Array) -> tuple[Array, Array]:
    """Shift each interpolating line so that its own mean error under the density is zero."""
    points = Quadrature.build(target, knots)
    values = target.function(knots)
    unit = target.scale(values)
    error = (np.interp(points.x, knots, values) - points.values) / points.scale
    effect = np.interp(points.x, knots, unit) / points.scale
    shift = points.sums(points.measure * error) / points.sums(points.measure * effect)
    return values[:-1] - shift * unit[:-1], values[1:] - shift * unit[1:]


def minimax_lines(target: Target, knots: Array) -> tuple[Array, Array]:
    """Return each segment's own line of least maximum error."""
    samples = _Samples.take(target, knots)
    forced = np.maximum.reduceat(samples.forced(), samples.starts)
    left, right = samples.at_knots[:-1].copy(), samples.at_knots[1:].copy()
    for i in range(knots.size - 1):
        pieces = _pieces(samples, knots[i : i + 2])
        shifts, _ = Chain(pieces, (0.0, 0.0), np.zeros(2)).solve(float(forced[i]))
        left[i] += shifts[0]
        right[i] += shifts[1]
    return left, right


BIASES: MappingProxyType[str, Callable[[Target, Array], Array]] = MappingProxyType(
    {"none": interpolate, "minimax": minimax, "least_squares": best_values, "mean": zero_mean}
)
"""Every bias correction by name: (target, knots of shape (N+1,)) to values of shape (N+1,)."""

Lines = Callable[[Target, Array], tuple[Array, Array]]
LINES: MappingProxyType[str, Lines] = MappingProxyType(
    {
        "none": interpolating_lines,
        "minimax": minimax_lines,
        "least_squares": best_lines,
        "mean": zero_mean_lines,
    }
)
"""The same without continuity: each segment's own line, as its values at the segment's two ends, each of
shape (N,)."""
