"""Free knots with the least possible maximum error.

For a given error e the approximation must stay in the tube f - e*scale .. f + e*scale. The fewest continuous
lines through a tube are found greedily: each line is the one that reaches farthest among those that leave the
line before it inside its last visible stretch (Imai and Iri, "An optimal algorithm for approximating a
piecewise linear function", J. Information Processing 9(3), 1986). The least e that N lines can follow is then
a root in one variable. The tube is sampled at points that share the function's bend evenly, so m points a
segment cost a relative error of about 2/m^2 in e.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from approx.cpwl.function import Array
from approx.cpwl.target import Target

POINTS_A_SEGMENT = 160
LEAST_POINTS = 1600
LOOKAHEAD = 240
ROUNDING = 1e-12
"""A function whose best error is less than this part of its values is a line as far as floats can tell."""
EPSILON = float(np.finfo(np.float64).eps)
HALVINGS = 24
STRAIGHT = 1.2e-4
"""A chord may miss the function by this part of the error; POINTS_A_SEGMENT smooth cells miss it by 8e-5."""
TOLERANCE = 5e-5
"""The search stops when the error is known to this relative tolerance."""


class _Tube(NamedTuple):
    x: Array
    lower: Array
    upper: Array

    def mirrored(self) -> _Tube:
        """Return the tube of the negated function."""
        return _Tube(self.x, -self.upper, -self.lower)


class _Stretch(NamedTuple):
    """A line with the part of it on which the next line may begin: from its last contact to its exit."""

    slope: float
    contact: float
    exit: float
    exit_value: float
    exit_index: float
    through_lower: bool

    def at(self, x: float) -> float:
        return self.exit_value + self.slope * (x - self.exit)


def minimax_knots(target: Target, segments: int, pinned: bool = False) -> Array:
    """Return N+1 knots whose best continuous approximation has nearly the least maximum error possible.

    Args:
        target: The function, domain and error kind.
        segments: N.
        pinned: Whether the approximation must start on the curve, as half of an odd function must.
    """
    bend = _deviation(target)
    guess = max(_asymptotic_error(target, segments), 1e-3 * bend / segments**2)
    x = sample(target, max(LEAST_POINTS, POINTS_A_SEGMENT * segments), guess)
    values = target.function(x)
    scale = target.scale(values)
    scale[0] *= not pinned
    if min(guess, bend) <= ROUNDING * float(np.abs(values).max() / scale[-1]):
        return np.linspace(target.lo, target.hi, segments + 1)
    # A relative error of 1 is that of the zero function, so no search needs to look beyond it.
    most = 1.0 if target.error == "relative" else math.inf
    lines = _narrowest(x, values, scale, segments, guess, most)
    return halve_widest(_knots(lines, target), segments)


def _narrowest(
    x: Array, values: Array, scale: Array, segments: int, guess: float, most: float
) -> list[_Stretch]:
    """Return the lines through the narrowest tube that ``segments`` lines can follow to its end.

    The part of the tube that is reached grows about as the square root of e, so from below the root is
    extrapolated; where the reach jumps (a line less past an inflection), halving the bracket takes over.
    """
    below, above = -math.inf, math.inf
    best: list[_Stretch] = []
    least = ROUNDING * float(np.abs(values).max() / scale[-1])
    trial, slope, drop, last = math.log(min(guess, 0.7 * most)), 0.5, 0.05, None
    while above - below > TOLERANCE:
        error = math.exp(trial)
        lines = _follow(_Tube(x, values - error * scale, values + error * scale), segments)
        missing = math.log((x.size - 1) / lines[-1].exit_index)
        if missing <= 0:
            above, best = trial, lines
            drop *= 2
            trial = 0.5 * (below + above) if below > -math.inf else above - drop
            if error < least:
                break
            continue
        if last is not None and missing < last[1]:
            slope = (last[1] - missing) / (trial - last[0])
        below, last = trial, (trial, missing)
        trial = min(below + min(missing / slope, 1.0) + 0.5 * TOLERANCE, math.log(most))
        if not trial < above - 0.25 * TOLERANCE:
            trial = 0.5 * (below + above)
    return best


def sample(target: Target, count: int, error: float) -> Array:
    """Return points for a tube of half width ``error`` whose sides may be taken as straight in between.

    About ``count`` of them share the bend evenly, with a twentieth spread over the domain; cells around kinks
    and steep ends are halved until the chord is within a small part of the error.
    """
    running = target.mesh.cumulative(0.5, floor=0.05)
    even = np.interp(np.linspace(0.0, 1.0, count + 1), running, target.mesh.nodes)
    x = np.unique(np.concatenate((even[1:-1], target.mesh.nodes)))
    for _ in range(HALVINGS):
        middle = 0.5 * (x[:-1] + x[1:])
        ends, centre = target.function(x), target.function(middle)
        sagitta = np.abs(ends[:-1] - 2 * centre + ends[1:]) / 2
        noise = EPSILON * (np.abs(ends[:-1]) + np.abs(ends[1:]))
        bent = sagitta > STRAIGHT * error * target.scale(centre) + noise
        bent &= (middle > x[:-1]) & (middle < x[1:])
        if not bent.any():
            break
        x = np.sort(np.concatenate((x, middle[bent])))
    return x


def _deviation(target: Target) -> float:
    """Return how far the function strays from the line through its ends."""
    x = target.mesh.nodes
    values = target.function(x)
    line = np.interp(x, x[[0, -1]], values[[0, -1]])
    return float((np.abs(values - line) / target.scale(values)).max())


def _asymptotic_error(target: Target, segments: int) -> float:
    """Return (integral of sqrt|f''|)^2 / (16 N^2); a cell's bend is half its share of that integral."""
    return float((2 * target.mesh.bend.sum()) ** 2 / (16 * segments**2))


def _follow(tube: _Tube, segments: int) -> list[_Stretch]:
    """Follow the tube from its left end with at most ``segments`` lines."""
    mirror = tube.mirrored()
    lines = [_farthest(tube, mirror, None)]
    while len(lines) < segments and lines[-1].exit < tube.x[-1]:
        lines.append(_farthest(tube, mirror, lines[-1]))
    return lines


def _farthest(tube: _Tube, mirror: _Tube, last: _Stretch | None) -> _Stretch:
    """Return the line that begins on ``last`` (or anywhere at the left end) and stays in the tube longest."""
    rising = _bends_up(tube) if last is None else last.through_lower
    if rising:
        return _rising(tube, last)
    return _mirror(_rising(mirror, None if last is None else _mirror(last)))


def _bends_up(tube: _Tube) -> bool:
    """Tell whether the tube begins convex; either answer is right, the true one is faster."""
    middle = min(32, (tube.x.size - 1) // 2)
    x, y = tube.x[[0, middle, 2 * middle]], tube.lower[[0, middle, 2 * middle]]
    return bool((y[2] - y[0]) * (x[1] - x[0]) >= (y[1] - y[0]) * (x[2] - x[0]))


def _mirror(line: _Stretch) -> _Stretch:
    return line._replace(slope=-line.slope, exit_value=-line.exit_value, through_lower=not line.through_lower)


def _rising(tube: _Tube, last: _Stretch | None) -> _Stretch:
    """Find the farthest line after one that left through the lower side, so the new one must be steeper.

    The line turns about a pivot that it may not pass below: first the exit of the line before. When both the
    pivot and a second lower point hold it up until the upper side blocks it, a lower point farther right
    becomes the pivot. Three contacts on alternating sides prove that no line reaches farther; where the
    upper side makes two of them, they are found at once.
    """
    if last is None:
        pivot_x, pivot_y, start, first = float(tube.x[0]), float(tube.lower[0]), 0, 1
    else:
        pivot_x, pivot_y = last.exit, last.exit_value
        first = int(np.searchsorted(tube.x, pivot_x, side="right"))
        start = int(np.searchsorted(tube.x, last.contact, side="right"))
    pivot: int | None = first - 1 if last is None else first
    tried = False
    while pivot is not None:
        least = _least_slope(tube, last, start, pivot, pivot_x, pivot_y)
        line, pivot = _turn(tube, pivot_x, pivot_y, first, least)
        if pivot is not None:
            reached = math.ceil(line.exit_index)
            held = None if tried else _held_between(tube, last, start, (pivot_x, pivot_y), first, reached)
            if held is not None:
                return held
            tried = True
            pivot_x, pivot_y, first = float(tube.x[pivot]), float(tube.lower[pivot]), pivot + 1
    return line


def _held_between(
    tube: _Tube, last: _Stretch | None, start: int, pivot: tuple[float, float], first: int, reached: int
) -> _Stretch | None:
    """Return the line that the upper side holds down before a lower contact and blocks after it, or None.

    Of all lines that reach ``reached`` it has the least slope. From any upper point to any lower one right of
    it is a bound of that, and the steepest is found by turns: the best upper point for the lower one, and the
    best lower point for that. If the lower side blocks the line of that slope, the answer is another.
    """
    upper_x, upper_y = tube.x[start:reached], tube.upper[start:reached]
    if last is not None:
        upper_x, upper_y = np.append(last.contact, upper_x), np.append(last.at(last.contact), upper_y)
    lower_x, lower_y = (
        np.append(pivot[0], tube.x[first:reached]),
        np.append(pivot[1], tube.lower[first:reached]),
    )
    slope, low = -math.inf, lower_x.size // 2
    while True:
        before = upper_x < lower_x[low]
        if not before.any():
            return None
        bounds = (lower_y[low] - upper_y[before]) / (lower_x[low] - upper_x[before])
        high = int(bounds.argmax())
        behind = lower_x > upper_x[high]
        if not behind.any():
            return None
        bounds = (lower_y[behind] - upper_y[high]) / (lower_x[behind] - upper_x[high])
        low = int(np.flatnonzero(behind)[bounds.argmax()])
        if not bounds.max() > slope:
            break
        slope = float(bounds.max())
    x, y = float(lower_x[low]), float(lower_y[low])
    line = y + slope * (tube.x[reached:] - x)
    blocked = line > tube.upper[reached:]
    short = line < tube.lower[reached:]
    end = int(blocked.argmax()) if blocked.any() else line.size
    if short[:end].any() or (end < line.size and short[end]):
        return None
    if end == line.size:
        return _to_the_end(tube, x, y, slope, slope)
    return _stretch(tube, x, y, slope, x, reached + end, False)


def _least_slope(
    tube: _Tube, last: _Stretch | None, start: int, pivot: int, pivot_x: float, pivot_y: float
) -> float:
    """Return the least slope that keeps a line through the pivot below the upper side on its left."""
    run = pivot_x - tube.x[start:pivot]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = (pivot_y - tube.upper[start:pivot]) / run
    least = float(slopes.max(where=run > 0, initial=-np.inf))
    if last is None or last.contact >= pivot_x:
        return least
    return max(least, (pivot_y - last.at(last.contact)) / (pivot_x - last.contact))


def _turn(
    tube: _Tube, pivot_x: float, pivot_y: float, first: int, least: float
) -> tuple[_Stretch, int | None]:
    """Turn a line about the pivot to where it stays in the tube longest; add a better pivot if any."""
    width = LOOKAHEAD
    while True:
        stop = min(first + width, tube.x.size)
        run = tube.x[first:stop] - pivot_x
        need = np.maximum.accumulate((tube.lower[first:stop] - pivot_y) / run)
        allow = np.minimum.accumulate((tube.upper[first:stop] - pivot_y) / run)
        np.maximum(need, least, out=need)
        blocked = need > allow
        if blocked[-1] or stop == tube.x.size:
            break
        width *= 3
    if not blocked[-1]:
        return _to_the_end(tube, pivot_x, pivot_y, float(need[-1]), float(allow[-1])), None
    j = int(blocked.argmax())
    slope = float(need[j - 1]) if j else least
    if j and need[j] > slope:  # the lower side blocks; the upper contact is where allow settled
        slope = float(allow[j - 1])
        contact = first + int((allow[:j] <= slope).argmax())
        return _stretch(tube, pivot_x, pivot_y, slope, float(tube.x[contact]), first + j, True), None
    line = _stretch(tube, pivot_x, pivot_y, slope, pivot_x, first + j, False)
    if slope <= least:
        return line, None
    # No line beyond j is steeper than the one to the upper side at j, so its last lower contact is not left
    # of here.
    above = tube.lower[first : first + j] - float(allow[j]) * tube.x[first : first + j]
    return line, first + int(above.argmax())


def _to_the_end(tube: _Tube, pivot_x: float, pivot_y: float, need: float, allow: float) -> _Stretch:
    slope = 0.5 * (need + allow)
    end = float(tube.x[-1])
    return _Stretch(slope, pivot_x, end, pivot_y + slope * (end - pivot_x), tube.x.size - 1.0, True)


def _stretch(
    tube: _Tube, pivot_x: float, pivot_y: float, slope: float, contact: float, index: int, lower: bool
) -> _Stretch:
    """Find where the line crosses the side that blocks it, between samples index - 1 and index."""
    side = tube.lower if lower else tube.upper
    x0, x1 = float(tube.x[index - 1]), float(tube.x[index])
    gap0 = pivot_y + slope * (x0 - pivot_x) - float(side[index - 1])
    gap1 = pivot_y + slope * (x1 - pivot_x) - float(side[index])
    part = min(max(gap0 / (gap0 - gap1), 0.0), 1.0) if gap0 != gap1 else 1.0
    x = max(x0 + part * (x1 - x0), pivot_x)
    return _Stretch(slope, contact, x, pivot_y + slope * (x - pivot_x), index - 1 + part, lower)


def _knots(lines: list[_Stretch], target: Target) -> Array:
    """Return the ends of the domain and the crossings of neighbouring lines."""
    inner = []
    for before, after in pairwise(lines):
        turn = after.slope - before.slope
        crossing = (
            before.exit if turn == 0 else before.exit + (before.exit_value - after.at(before.exit)) / turn
        )
        inner.append(min(max(crossing, before.contact), before.exit))
    knots = np.unique(np.clip([target.lo, *inner, target.hi], target.lo, target.hi))
    return np.asarray(knots, dtype=np.float64)


def halve_widest(knots: Array, segments: int) -> Array:
    """Halve the widest segments until there are as many as asked for."""
    while knots.size <= segments:
        widest = int(np.argmax(np.diff(knots)))
        knots = np.insert(knots, widest + 1, 0.5 * (knots[widest] + knots[widest + 1]))
    return knots
