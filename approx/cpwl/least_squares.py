"""Continuous least squares: the best values for given knots, and the best knots.

At the best free knots every segment is its own best line and neighbouring lines meet at the knot: with values
y optimal, the derivative of the squared error by a knot is (slope before - slope after) times twice the
moment of the residual against one half of the knot's hat, and the normal equation of y already makes the two
halves' moments opposite. So Newton's method solves "neighbouring best lines meet", a tridiagonal system, and
continuity comes for free.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, solve_banded, solveh_banded

from approx.cpwl.function import Array
from approx.cpwl.target import Quadrature, Target

NEWTON_STEPS = 60
CONVERGED = 1e-7


def best_values(target: Target, knots: Array) -> Array:
    """Return the values at ``knots`` of the continuous least-squares approximation, shape (N+1,)."""
    return _continuous(Quadrature.build(target, knots), knots)[0]


def _continuous(points: Quadrature, knots: Array) -> tuple[Array, float]:
    """Return the best values and their weighted squared error."""
    at = (points.x - knots[points.segment]) / np.diff(knots)[points.segment]
    weight = points.weight
    first, second = weight * (1 - at), weight * at
    diagonal, right = np.zeros(knots.size), np.zeros(knots.size)
    diagonal[:-1] += points.sums(first * (1 - at))
    diagonal[1:] += points.sums(second * at)
    right[:-1] += points.sums(first * points.values)
    right[1:] += points.sums(second * points.values)
    band = np.stack((diagonal, np.append(points.sums(first * at), 0.0)))
    # Symmetric scaling: relative weights differ by many orders of magnitude over a domain.
    unit = 1 / np.sqrt(diagonal)
    band[0] = 1.0
    band[1, :-1] *= unit[:-1] * unit[1:]
    values = unit * solveh_banded(band, unit * right, lower=True)
    residual = values[points.segment] * (1 - at) + values[points.segment + 1] * at - points.values
    return values, float(weight @ residual**2)


def best_lines(target: Target, knots: Array) -> tuple[Array, Array]:
    """Return each segment's own best line as its values at the segment's two ends, each of shape (N,)."""
    left, right, _ = _separate(Quadrature.build(target, knots), knots)
    return left, right


def _separate(points: Quadrature, knots: Array) -> tuple[Array, Array, Array]:
    """Return the best lines' end values and the inverse Gram matrix of the hats, shape (3, N)."""
    at = (points.x - knots[points.segment]) / np.diff(knots)[points.segment]
    weight = points.weight
    first, second = weight * (1 - at), weight * at
    moments = points.sums(
        np.stack((first * (1 - at), first * at, second * at, first * points.values, second * points.values))
    )
    g00, g01, g11, b0, b1 = moments
    det = g00 * g11 - g01**2
    inverse = np.stack((g11, -g01, g00)) / det
    return inverse[0] * b0 + inverse[1] * b1, inverse[1] * b0 + inverse[2] * b1, inverse


def segment_errors(target: Target, knots: Array, pairs: bool = False) -> Array:
    """Return the squared error of each segment's best line (N,), or of each pair of neighbours' (N-1,)."""
    if pairs:
        even, odd = knots[::2], knots[1::2]
        errors = np.empty(knots.size - 2)
        errors[0::2] = segment_errors(target, even) if even.size > 1 else 0.0
        errors[1::2] = segment_errors(target, odd) if odd.size > 1 else 0.0
        return errors
    points = Quadrature.build(target, knots)
    left, right, _ = _separate(points, knots)
    at = (points.x - knots[points.segment]) / np.diff(knots)[points.segment]
    residual = left[points.segment] * (1 - at) + right[points.segment] * at - points.values
    return points.sums(points.weight * residual**2)


def refine_knots(target: Target, knots: Array) -> tuple[Array, float]:
    """Move interior knots to a nearby minimum of the continuous squared error.

    Returns:
        The knots and their squared error, never more than at the start.
    """
    points = Quadrature.build(target, knots)
    best = _continuous(points, knots)[1]
    damping = 1.0
    for _ in range(NEWTON_STEPS):
        step = _newton_step(target, points, knots)
        if step is None:
            break
        while damping > 1e-3:
            trial = _moved(knots, damping * step)
            trial_points = Quadrature.build(target, trial)
            error = _continuous(trial_points, trial)[1]
            if error < best:
                break
            damping *= 0.25
        else:
            break
        done = best - error < CONVERGED * best
        knots, points, best = trial, trial_points, error
        damping = min(1.0, 2 * damping)
        if done:
            break
    return knots, best


def _moved(knots: Array, step: Array) -> Array:
    """Move interior knots by ``step``, scaled down so that no segment loses more than half of its width."""
    change = np.concatenate(([0.0], step, [0.0]))
    shrink = -np.diff(change) / np.diff(knots)
    return np.asarray(knots + change / max(1.0, 2 * float(shrink.max())))


def _newton_step(target: Target, points: Quadrature, knots: Array) -> Array | None:
    """Return the Newton step of "the best lines meet at every interior knot", or None where it has none."""
    left, right, inverse = _separate(points, knots)
    slope = (right - left) / np.diff(knots)
    values = target.function(knots)
    weight = target.weight(knots) / np.where(values == 0, 1.0, target.scale(values)) ** 2
    # Moving an end takes in or gives up weight * residual there, which the reproducing kernel spreads.
    residual_left, residual_right = weight[:-1] * (values[:-1] - left), weight[1:] * (values[1:] - right)
    gap = right[:-1] - left[1:]
    diagonal = (slope[:-1] + residual_right[:-1] * inverse[2, :-1]) - (
        slope[1:] - residual_left[1:] * inverse[0, 1:]
    )
    lower = -residual_left[:-1] * inverse[1, :-1]
    upper = -residual_right[1:] * inverse[1, 1:]
    band = np.zeros((3, gap.size))
    band[0, 1:], band[1], band[2, :-1] = upper[:-1], diagonal, lower[1:]
    try:
        step = solve_banded((1, 1), band, -gap)
    except (LinAlgError, ValueError):
        return None
    return np.asarray(step) if np.isfinite(step).all() else None
