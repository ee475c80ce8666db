"""Measured errors of a piecewise-linear approximation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approx.cpwl.function import Array
from approx.cpwl.target import Target

Approximation = Callable[[Array], NDArray[np.floating[Any]]]


def sample_points(target: Target, knots: Array, each: int = 16) -> Array:
    """Return sorted points with every knot, every mesh node and at least ``each`` cells a segment."""
    inside = np.clip(knots, target.lo, target.hi)
    steps = np.linspace(0.0, 1.0, each, endpoint=False)
    even = (inside[:-1, None] + np.diff(inside)[:, None] * steps).ravel()
    points = np.concatenate((even, inside[-1:], target.mesh.nodes))
    points.sort(kind="stable")  # merges the sorted runs
    return np.asarray(points[np.append(np.diff(points) > 0, True)])


def signed_error(target: Target, approximation: Approximation, x: Array) -> Array:
    """Return the error at ``x`` in the target's error kind."""
    values = target.function(x)
    return np.asarray((approximation(x) - values) / target.scale(values))


def rough_error(target: Target, approximation: Approximation, knots: Array) -> float:
    """Return a lower bound of the largest error, close to it, from 8 samples a segment."""
    steps = np.arange(9) / 8
    x = (knots[:-1, None] + np.diff(knots)[:, None] * steps).ravel()
    return float(np.abs(signed_error(target, approximation, x)).max())


def zoom(size: Callable[[Array], Array], left: Array, right: Array, rounds: int = 4) -> tuple[Array, Array]:
    """Return where ``size`` is largest in each interval, and how large; each round narrows eightfold."""
    steps = np.linspace(0.0, 1.0, 17)[:, None]
    rows = np.arange(left.size)
    for _ in range(rounds):
        x = left + (right - left) * steps
        found = size(x)
        top = found.argmax(axis=0)
        left, right = x[np.maximum(top - 1, 0), rows], x[np.minimum(top + 1, 16), rows]
    return x[top, rows], found[top, rows]


def max_error(target: Target, approximation: Approximation, knots: Array) -> float:
    """Return the largest error's magnitude over the domain.

    Sampled at both sides of the knots, on the mesh and at 32 cells a segment; every peak that could be the
    largest is then narrowed down.
    """

    def size(x: Array) -> Array:
        return np.abs(signed_error(target, approximation, x))

    x = sample_points(target, knots, each=32)
    jumps = knots[(knots > target.lo) & (knots <= target.hi)]
    x = np.sort(np.concatenate((x, np.nextafter(jumps, -np.inf))))
    error = size(x)
    padded = np.concatenate(([0.0], error, [0.0]))
    peak = np.flatnonzero((error >= padded[:-2]) & (error >= padded[2:]) & (error > 0.9 * error.max()))
    if peak.size == 0:
        return float(error.max())
    # Two points on, because the next one may be the other side of a knot.
    _, largest = zoom(size, x[np.maximum(peak - 2, 0)], x[np.minimum(peak + 2, x.size - 1)])
    return max(float(error.max()), float(largest.max()))
