"""The least maximum error of neighbouring segments on fixed knots, by propagating what each knot may take.

For an error e every segment allows a convex set of shifts (left, right) of its two end values. Going from
left to right, the shifts that a knot can take form an interval; the chain is possible at e when no interval
is empty. Intervals for many e at once narrow the least possible e down; the shifts are then chosen from right
to left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from approx.cpwl.function import Array

ERRORS = 16
"""Errors tried at once."""
ROUNDS = 4
"""Each round narrows the error to 1 / (ERRORS - 1) of its bracket."""
NEWTON_STEPS = 30
SLACK = 1e-9
"""Part of the error by which an interval may be empty and still count as a point."""
ROUNDING = 1e-12


@dataclass(frozen=True)
class Piece:
    """One segment of a chain, sampled.

    Attributes:
        at: Position of the samples in the segment, 0 to 1, shape (m,), both ends included.
        excess: The interpolant's error at the samples.
        scale: Width of a unit error at the samples.
    """

    at: Array
    excess: Array
    scale: Array


@dataclass(frozen=True)
class Chain:
    """Neighbouring segments with the demands on their outer knots.

    Attributes:
        pieces: The segments from left to right.
        ends: For the first and the last knot -1 or +1 if its shift must be that many errors, 0 if it is
            free. A demand is against the excess of its segment, which must have one sign.
        wanted: The shifts to stay close to, shape (number of pieces + 1,).
    """

    pieces: list[Piece]
    ends: tuple[float, float]
    wanted: Array

    def solve(self, least: float) -> tuple[Array, float]:
        """Return the knots' shifts and their maximum error, the least possible from ``least`` on."""
        low, high = least, max(least, *(float((np.abs(p.excess) / p.scale).max()) for p in self.pieces))
        for _ in range(ROUNDS):
            errors = np.linspace(low, high, ERRORS)
            possible = self._ranges(errors)[1]
            if not possible.any():  # rounding alone can do that: the upper end is always possible
                low, high = high, 2 * high
                continue
            first = int(possible.argmax())
            high = float(errors[first])
            if first == 0:
                break
            low = float(errors[first - 1])
        return self._choose(high), high

    def _ranges(self, errors: Array) -> tuple[list[tuple[Array, Array]], NDArray[np.bool_]]:
        """Return every knot's interval for each error, and which errors are possible."""
        low, high = _end_range(self.ends[0], self.pieces[0].scale[0], errors)
        ranges = [(low, high)]
        possible = np.ones(errors.size, dtype=bool)
        for piece in self.pieces:
            low, high, passed = _propagate(piece, errors, low, high)
            possible &= passed
            ranges.append((low, high))
        least, most = _end_range(self.ends[1], self.pieces[-1].scale[-1], errors)
        slack = SLACK * errors * self.pieces[-1].scale[-1]
        ranges[-1] = np.maximum(low, least), np.minimum(high, most)
        return ranges, possible & (ranges[-1][0] <= ranges[-1][1] + slack)

    def _choose(self, error: float) -> Array:
        ranges, _ = self._ranges(np.array([error]))
        shifts = np.empty(len(ranges))
        shifts[-1] = _nearest(self.wanted[-1], *(float(end[0]) for end in ranges[-1]))
        for i in range(len(self.pieces) - 1, -1, -1):
            piece, (low, high) = self.pieces[i], ranges[i]
            inside = piece.at < 1
            rest = 1 - piece.at[inside]
            given = piece.at[inside] * shifts[i + 1] + piece.excess[inside]
            most = ((error * piece.scale[inside] - given) / rest).min()
            least = ((-error * piece.scale[inside] - given) / rest).max()
            shifts[i] = _nearest(self.wanted[i], max(float(low[0]), least), min(float(high[0]), most))
        return shifts


def _nearest(wanted: float, low: float, high: float) -> float:
    return min(max(wanted, low), high) if low <= high else 0.5 * (low + high)


def _end_range(end: float, scale: float, errors: Array) -> tuple[Array, Array]:
    width = errors * scale
    return (end * width, end * width) if end else (-width, width)


def _propagate(
    piece: Piece, errors: Array, low: Array, high: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return the interval of the right end's shift for that of the left end's, and where it is not empty."""
    at = piece.at[1:]
    rest = (1 - at) / at
    width = errors[:, None] * piece.scale[1:]
    above, below = (width - piece.excess[1:]) / at, (-width - piece.excess[1:]) / at
    reach = errors * piece.scale[0]
    low = _first_possible(above, below, rest, np.maximum(low, -reach), 1.0)
    high = _first_possible(above, below, rest, np.minimum(high, reach), -1.0)
    possible = low <= high + SLACK * reach
    low, high = np.where(possible, low, 0.0), np.where(possible, high, 0.0)
    return (below - rest * high[:, None]).max(axis=1), (above - rest * low[:, None]).min(axis=1), possible


def _first_possible(above: Array, below: Array, rest: Array, start: Array, direction: float) -> Array:
    """Return the first left shift from ``start`` on that leaves the right end any choice, else infinity.

    The room for the right end is a concave function of the left shift, so Newton's method from outside the
    possible interval never passes its end.
    """
    shift, rows = start.copy(), np.arange(start.size)
    lost = np.zeros(start.size, dtype=bool)
    for _ in range(NEWTON_STEPS):
        upper, lower = above - rest * shift[:, None], below - rest * shift[:, None]
        i, j = upper.argmin(axis=1), lower.argmax(axis=1)
        most, least = upper[rows, i], lower[rows, j]
        short = (most - least < -ROUNDING * (np.abs(most) + np.abs(least))) & ~lost
        if not short.any():
            break
        growth = direction * (rest[j] - rest[i])
        lost |= short & (growth <= 0)
        moving = short & ~lost
        shift[moving] += direction * (least - most)[moving] / growth[moving]
    return np.where(lost, direction * np.inf, shift)
