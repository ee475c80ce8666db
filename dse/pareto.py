"""Which designs to choose from: the Pareto front, its hypervolume, and its knee."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from optuna._hypervolume import compute_hypervolume

Points = NDArray[np.float64]
"""(points, objectives); every objective is better when higher."""


def non_dominated(points: Points) -> NDArray[np.bool_]:
    """Mark the points that no other point beats: as good in every objective and better in one.

    Of equal points all are marked. O(points x front): strong points, those of the highest sum of ranks, come
    first and leave few for the others.

    Args:
        points: (points, objectives), higher is better; NaN is not allowed.

    Returns:
        (points,) of bool.
    """
    front = np.zeros(len(points), dtype=bool)
    left = np.argsort(-_ranks(points).sum(axis=1), kind="stable")
    while len(left):
        point, rest = points[left[0]], points[left]
        equal = (rest == point).all(axis=1)
        front[left[equal]] = True
        left = left[(rest > point).any(axis=1)]
    return front


def _ranks(points: Points) -> NDArray[np.intp]:
    """Return each point's place in each objective; a point that beats another has a higher sum."""
    return np.column_stack([np.unique(column, return_inverse=True)[1] for column in points.T])


def hypervolume(points: Points, reference: Points) -> float:
    """Return the volume that the points dominate above a reference point.

    Args:
        points: (points, objectives), higher is better.
        reference: (objectives,), at or below every point that should count.
    """
    above = points[(points > reference).all(axis=1)]
    return float(compute_hypervolume(-above, -reference)) if len(above) else 0.0


def knee(points: Points) -> int:
    """Return the row where giving up a little of one objective stops buying much of the other.

    It is the point farthest above the straight line between the front's ends, both objectives scaled to
    0..1 over the front (the normal-boundary rule of Das, "On characterizing the knee of the Pareto
    curve", Structural Optimization 18, 1999). With ends alone it is the end with the better balance.

    Args:
        points: (points, objectives) of a front, higher is better; at least one.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / np.where(high > low, high - low, 1.0)
    return int(scaled.sum(axis=1).argmax())
