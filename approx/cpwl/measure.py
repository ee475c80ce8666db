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
    """Return where ``size`` is largest in each interval, and how large; each round narrows eightfold.

    After ``rounds`` it ends as soon as a round adds nothing.
    """
    steps = np.linspace(0.0, 1.0, 17)[:, None]
    rows = np.arange(left.size)
    last = 0.0
    for done in range(1, MOST_ROUNDS + 1):
        x = left + (right - left) * steps
        found = size(x)
        top = found.argmax(axis=0)
        largest = float(found[top, rows].max(initial=0.0))
        if done >= rounds and largest <= last * (1 + ZOOMED):  # a cusp keeps growing
            break
        last = largest
        left, right = x[np.maximum(top - 1, 0), rows], x[np.minimum(top + 1, 16), rows]
    return x[top, rows], found[top, rows]


def max_error(target: Target, approximation: Approximation, knots: Array) -> float:
    """Return the largest error's magnitude over the domain, or barely more.

    Sampled at both sides of the knots, on the mesh and at 32 cells a segment; every peak that could be the
    largest is then narrowed down to 1e-6 of its width, and what rounding may hide is added.
    """

    def size(x: Array) -> Array:
        return np.abs(signed_error(target, approximation, x))

    x = sample_points(target, knots, each=32)
    jumps = knots[(knots > target.lo) & (knots <= target.hi)]
    x = np.sort(np.concatenate((x, np.nextafter(jumps, -np.inf))))
    error = size(x)
    padded = np.concatenate(([0.0], error, [0.0]))
    peak = np.flatnonzero((error >= padded[:-2]) & (error >= padded[2:]) & (error > LIKELY * error.max()))
    if peak.size == 0:  # no error anywhere
        return _rounding(target, x)
    # Two points on, because the next one may be the other side of a knot.
    _, largest = zoom(size, x[np.maximum(peak - 2, 0)], x[np.minimum(peak + 2, x.size - 1)], rounds=6)
    return (
        max(float(error.max()), float(largest.max())) * (1 + ZOOMED) + _rounding(target, x) + _noise(target)
    )


LIKELY = 0.6
"""Sampled peaks of this part of the largest may be the largest: samples of an oscillation are sparse."""
MOST_ROUNDS = 18
CLOSE = 1e-6
"""Part of a mesh cell within which a smooth function is straight, and one that is not shows what is noise."""


ZOOMED = 1e-11
"""Part of a peak by which six rounds of narrowing can miss it: they leave 4e-6 of its width."""


def _noise(target: Target) -> float:
    """Return how far the function strays from a line within a small part of a cell: float32 inside, say."""
    nodes = target.mesh.nodes
    each = max((nodes.size - 1) // 512, 1)
    middle, reach = (0.5 * (nodes[:-1] + nodes[1:]))[::each], CLOSE * np.diff(nodes)[::each]
    values = target.function(middle)
    stray = target.function(middle - reach) - 2 * values + target.function(middle + reach)
    return float((np.abs(stray) / target.scale(values)).max())


def _rounding(target: Target, x: Array) -> float:
    """Return what rounding can add to an error where two evaluations differ in their last digits."""
    values = target.function(x)
    return float((ROUNDINGS * EPSILON * np.abs(values) / target.scale(values)).max())


EPSILON = float(np.finfo(np.float64).eps)
ROUNDINGS = 4
"""Roundings between x and an error: of the product, the sum, the function and the difference."""
