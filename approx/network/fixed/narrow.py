"""Narrowing: the step of an activation that a matrix product reads with fewer bits than it is stored with."""

from __future__ import annotations

import numpy as np

from approx.network.calibrate import Histogram, ordered
from approx.network.fixed.edges import Edge
from approx.network.fixed.plan import Narrow, narrowing
from approx.network.fixed.words import Word

_CANDIDATES = np.linspace(1.0, 0.2, 41)
"""Shares of the range that a step may cover; what lies outside saturates."""


def narrow_for(word: Word, edge: Edge, bits: int, scale: str, *, free: bool) -> Narrow | None:
    """The narrowing of an activation, or None where it is read as it is stored.

    Args:
        word: how it is stored.
        edge: its calibrated range and histogram.
        bits: how many the product reads.
        scale: how the step is chosen, as `Numerics.scale`.
        free: any step; else a power of two.
    """
    if bits >= word.bits:
        return None
    limit = 2 ** (bits - 1) - 1
    magnitude = min(edge.magnitude, word.largest)
    largest = (magnitude or word.largest) / limit
    candidates = largest * _CANDIDATES if free else Word.holding(bits, magnitude).step * 2.0 ** -np.arange(3)
    step = largest if free else float(candidates[0])
    if scale == "error" and edge.histogram is not None:
        asked = limit, *candidates.tolist()
        if asked not in edge.steps:
            edge.steps[asked] = least_error(edge.histogram, candidates, limit)
        step = edge.steps[asked]
    return narrowing(word, bits, max(step, word.step))


def least_error(histogram: Histogram, candidates: np.ndarray, limit: int) -> float:
    """The step of least squared error over the calibrated numbers."""
    edges, counts = ordered(histogram.counts.numpy())
    kept = np.flatnonzero(counts)
    values, weights = 0.5 * (edges[kept] + edges[kept + 1]), counts[kept]
    steps = candidates[:, None]
    errors = (np.clip(np.rint(values / steps), -limit, limit) * steps - values) ** 2 @ weights
    return float(candidates[int(np.argmin(errors))])
