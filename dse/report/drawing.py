"""A table as the paths of a small drawing: function, lines and knots above, the error below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from approx.cpwl import CpwlTable
from approx.cpwl.function import Array
from approx.cpwl.measure import signed_error

WIDTH, HEIGHT = 320, 216
"""The drawing's size, in its own units."""

LEFT, RIGHT = 46.0, 312.0
CURVE, ERROR = (8.0, 124.0), (140.0, 196.0)
"""Where the axes lie: from and to, across, and down for the curve and for the error."""

SAMPLES = 192
A_SEGMENT = 8
"""Points over the domain, and at least in each segment as far as there are not more than that."""

DECADES = 100.0
"""A domain, and a function whose error is relative, that spans more than this factor gets a log axis."""

NOTHING = 1e-4
"""Below this share of an axis, an end of it is written as 0."""

ROOM = 1.15
"""The error's axis over the largest error."""


@dataclass(frozen=True)
class Label:
    """A short text beside an axis, at a place in the drawing's units."""

    x: float
    y: float
    text: str
    anchor: str = "end"


@dataclass(frozen=True)
class Drawing:
    """What a page draws, in a box of WIDTH x HEIGHT.

    Attributes:
        function: Path of the true function.
        lines: Path of the table.
        knots: Centres of its knots.
        error: Path of the error.
        zero: Height of no error.
        limits: Heights of plus and minus the least error.
        labels: Ends of the axes.
    """

    function: str
    lines: str
    knots: tuple[tuple[float, float], ...]
    error: str
    zero: float
    limits: tuple[float, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class _Axis:
    """Maps values to places; logarithmically, or as they are."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: Array) -> Array:
        place, (low, high) = self._scaled(values), self._scaled(np.array([self.low, self.high]))
        span = high - low or 1.0
        return np.asarray(self.start + (place - low) / span * (self.end - self.start))

    def _scaled(self, values: Array) -> Array:
        return np.log(np.maximum(values, self.low * 1e-3)) if self.log else np.asarray(values, dtype=float)


def drawing(table: CpwlTable, limit: float) -> Drawing:
    """Return what is drawn of a table beside the least error of its size, `limit`."""
    low, high = table.domain
    across = _Axis(low, high, LEFT, RIGHT, _spans(low, high))
    knots = table.knots[(table.knots >= low) & (table.knots <= high)]
    x = _samples(table, across, knots)
    target = table.target()
    truth, lines = target.function(x), np.asarray(table(x), dtype=np.float64)
    bottom, top = float(min(truth.min(), lines.min())), float(max(truth.max(), lines.max()))
    log = table.error == "relative" and _spans(bottom, top)
    down = _Axis(bottom, top, CURVE[1], CURVE[0], log)
    error = signed_error(target, table, x)
    largest = ROOM * max(float(np.abs(error).max()), limit) or 1.0
    below = _Axis(-largest, largest, ERROR[1], ERROR[0])
    return Drawing(
        function=_path(across(x), down(truth)),
        lines=_path(across(x), down(lines)),
        knots=tuple(_points(across(knots), down(np.asarray(table(knots), dtype=np.float64)))),
        error=_path(across(x), below(error)),
        zero=_place(below, 0.0),
        limits=(_place(below, limit), _place(below, -limit)),
        labels=_labels((low, high), (bottom, top), largest / ROOM),
    )


def _spans(low: float, high: float) -> bool:
    return low > 0 and high / low > DECADES


def _samples(table: CpwlTable, across: _Axis, knots: Array) -> Array:
    """Inputs close enough that neither function nor error is cut off: some in each segment, and the knots."""
    low, high = table.domain
    spread = np.geomspace(low, high, SAMPLES) if across.log else np.linspace(low, high, SAMPLES)
    ends = np.unique(np.concatenate(([low], knots, [high])))
    steps = np.arange(1, A_SEGMENT) / A_SEGMENT if ends.size * A_SEGMENT <= SAMPLES else np.array([0.5])
    inner = (ends[:-1, None] + np.diff(ends)[:, None] * steps).ravel()
    return np.unique(np.concatenate((spread, ends, inner)))


def _labels(x: tuple[float, float], y: tuple[float, float], error: float) -> tuple[Label, ...]:
    foot = ERROR[1] + 14
    beside = LEFT - 4
    return (
        Label(LEFT, foot, _end(x[0], x), "start"),
        Label(RIGHT, foot, _end(x[1], x)),
        Label(beside, CURVE[0] + 8, _end(y[1], y)),
        Label(beside, CURVE[1], _end(y[0], y)),
        Label(beside, ERROR[0] + 8, f"{error:.2g}"),
        Label(beside, ERROR[1], f"\N{MINUS SIGN}{error:.2g}"),
    )


def _end(value: float, span: tuple[float, float]) -> str:
    """Write an axis's end; what is nothing beside the other end of an axis that is not log is 0."""
    low, high = span
    beside = 0.0 if _spans(low, high) and low > high * NOTHING else high - low
    return f"{value if abs(value) > NOTHING * beside else 0.0:.3g}".replace("-", "\N{MINUS SIGN}")


def _place(axis: _Axis, value: float) -> float:
    return round(float(axis(np.array([value]))[0]), 1)


def _points(x: Array, y: Array) -> Iterable[tuple[float, float]]:
    return zip(x.round(1).tolist(), y.round(1).tolist(), strict=True)


def _path(x: Array, y: Array) -> str:
    """Return an SVG path through points; those that do not turn it are left out."""
    places = list(_points(x, y))
    turning = [
        at
        for index, at in enumerate(places)
        if index in (0, len(places) - 1) or not at[1] == places[index - 1][1] == places[index + 1][1]
    ]
    return "M" + "L".join(f"{a:g},{b:g}" for a, b in turning)
