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


def parabola_vertex(x: Array, y: Array, index: NDArray[np.intp]) -> Array:
    """Return the abscissa of the vertex of the parabola through the points index-1, index, index+1."""
    i = np.clip(index, 1, x.size - 2)
    left, right = x[i - 1] - x[i], x[i + 1] - x[i]
    rise_left, rise_right = y[i - 1] - y[i], y[i + 1] - y[i]
    bottom = rise_left * right - rise_right * left
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = 0.5 * (rise_left * right**2 - rise_right * left**2) / bottom
    return np.asarray(x[i] + np.where(np.isfinite(offset), np.clip(offset, left, right), 0.0))


def max_error(target: Target, approximation: Approximation, knots: Array) -> float:
    """Return the largest error's magnitude over the domain.

    Sampled at both sides of the knots, on the mesh and at 32 cells a segment; every peak that could be the
    largest is refined twice by the parabola through its neighbours.
    """
    x = sample_points(target, knots, each=32)
    jumps = knots[(knots > target.lo) & (knots <= target.hi)]
    x = np.sort(np.concatenate((x, np.nextafter(jumps, -np.inf))))
    error = np.abs(signed_error(target, approximation, x))
    top = float(error.max())
    inner = error[1:-1]
    peaks = np.flatnonzero((inner >= error[:-2]) & (inner >= error[2:]) & (inner > 0.9 * top)) + 1
    if peaks.size == 0:
        return top
    vertex = parabola_vertex(x, error, peaks)
    step = np.minimum(x[peaks] - x[peaks - 1], x[peaks + 1] - x[peaks]) / 8
    around = np.clip(vertex + np.outer((-1, 0, 1), step), target.lo, target.hi)
    near = np.abs(signed_error(target, approximation, around))
    left, middle, right = near
    bottom = left - 2 * middle + right
    offset = np.divide(0.5 * (left - right), bottom, out=np.zeros_like(bottom), where=bottom < 0)
    again = np.clip(vertex + np.clip(offset, -1, 1) * step, target.lo, target.hi)
    last = np.abs(signed_error(target, approximation, again))
    return max(top, float(near.max()), float(last.max()))
