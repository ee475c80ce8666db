"""What a choice promises: how much hypervolume its points would add to the front, on a scale of their losses.

Losses count as they are or by their logarithms. The objectives' own scale hardly sees what happens near the
original network; the logarithm looks at all magnitudes alike.

A point is (1 + costs,): minus the loss, and the hardware's figures, signed so that higher is better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.pareto import hypervolume
from dse.search.additive import LEAST

Array = NDArray[np.float64]
Scale = Callable[[Array], Array]
"""Puts points on a scale of their losses."""


def loss_of(figures: Mapping[str, Any]) -> float:
    """Return the figure that adds up over functions: the KL divergence, or a cosine's distance from 1."""
    return float(figures["kl_divergence"] if "kl_divergence" in figures else 1.0 - figures["cosine"])


FROM_LOSS: Mapping[str, Callable[[float], float]] = {
    "kl_divergence": float,
    "fidelity": lambda loss: math.exp(-loss),
    "cosine": lambda loss: 1.0 - loss,
}
"""Figures of quality that the loss tells."""


def linear(points: Array) -> Array:
    """Fidelity instead of the loss."""
    return np.column_stack([np.exp(points[:, 0]), points[:, 1:]])


def logarithmic(points: Array) -> Array:
    """The loss by its magnitude."""
    return np.column_stack([-np.log(np.maximum(-points[:, 0], LEAST)), points[:, 1:]])


def most_promising(choices: Sequence[Array], front: Array, scales: Sequence[Scale]) -> int | None:
    """Return which choice promises most, on the first scale on which one promises anything.

    Args:
        choices: The points of each, one a design: (designs, 1 + costs).
        front: (points, 1 + costs), unbeaten.
        scales: On which losses count, one after the other.
    """
    for scale in scales:
        if (best := _greatest_gain([scale(points) for points in choices], scale(front))) is not None:
            return best
    return None


def _greatest_gain(new: list[Array], front: Array) -> int | None:
    better = [i for i, own in enumerate(new) if _some_unbeaten(own, front)]
    if not better:
        return None
    everything = np.concatenate([front, *(new[i] for i in better)])
    low, high = everything.min(axis=0), everything.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    front, reference = (front - low) / width, np.full(front.shape[1], -0.01)
    gains = [hypervolume(np.concatenate([front, (new[i] - low) / width]), reference) for i in better]
    return better[int(np.argmax(gains))]


def _some_unbeaten(points: Array, front: Array) -> bool:
    """Whether no point of the front is at least as good as one of the points in everything."""
    return bool((~(front[:, None] >= points).all(axis=-1).any(axis=0)).any())
