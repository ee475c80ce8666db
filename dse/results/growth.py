"""How the front grew: the hypervolume that the first trials of a study dominate, over that of all."""

from __future__ import annotations

import numpy as np

from dse import pareto
from dse.results.snapshot import Snapshot

MARKS = 60
"""Points at which the growth of the front is measured: each costs a hypervolume."""


def hypervolume(study: Snapshot, finished: int | None = None) -> float:
    """Return what the first finished trials, or all, dominate above the worst values of all.

    Args:
        study: The study.
        finished: How many trials; all if None.
    """
    points = study.points()
    return pareto.hypervolume(points[:finished], points.min(axis=0, initial=np.inf))


def growth(study: Snapshot) -> list[tuple[int, float]]:
    """Return numbers of finished trials, and the share of the final hypervolume that they reached.

    Empty where nothing is dominated yet, and of a sweep, which has no order.
    """
    finished, total = len(study.points()), hypervolume(study)
    if total <= 0 or study.swept:
        return []
    marks = np.unique(np.linspace(1, finished, min(finished, MARKS)).round().astype(int)).tolist()
    return [(mark, hypervolume(study, mark) / total) for mark in marks]
