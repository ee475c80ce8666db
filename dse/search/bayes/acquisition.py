"""How much hypervolume a choice's points would add to the front, on a scale of their losses.

Losses count as they are or by their logarithms. The objectives' own scale hardly sees what happens near the
original network; the logarithm looks at all magnitudes alike.

A point is (1 + costs,): minus the loss, and the hardware's figures, signed so that higher is better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dse.pareto import hypervolume, non_dominated
from dse.search.bayes.additive import LEAST

Array = NDArray[np.float64]
Scale = Callable[[Array], Array]
"""Puts points on a scale of their losses."""

BEYOND = 0.1
"""How far the reference point lies beyond the worst values, over the span of all (Ishibuchi et al.,
Evolutionary Computation 26, 2018)."""


def loss_of(figures: Mapping[str, Any]) -> float:
    """Return the figure that adds up over functions: the KL divergence, or a cosine's distance from 1."""
    return float(figures["kl_divergence"] if "kl_divergence" in figures else 1.0 - figures["cosine"])


class Acquisition(NamedTuple):
    """How a choice is looked at.

    Attributes:
        scale: How losses count.
        beta: By how many standard deviations losses are taken to be less than expected.
        fewest: Whether only widths with the fewest scores are looked at.
        bold: Whether what is not known of tables counts as a part of them too.
    """

    scale: Scale
    beta: float
    fewest: bool = False
    bold: bool = False


FROM_LOSS: Mapping[str, Callable[[Array], Array]] = {
    "kl_divergence": lambda losses: losses,
    "fidelity": lambda losses: np.exp(-losses),
    "cosine": lambda losses: 1.0 - losses,
}
"""Figures of quality that the loss tells."""


def linear(points: Array) -> Array:
    """Fidelity instead of the loss."""
    return np.column_stack([np.exp(points[:, 0]), points[:, 1:]])


def logarithmic(points: Array) -> Array:
    """The loss by its magnitude."""
    return np.column_stack([-np.log(np.maximum(-points[:, 0], LEAST)), points[:, 1:]])


def most_promising(offers: Sequence[Array], front: Array, scale: Scale) -> tuple[int, int] | None:
    """Return which choice adds most, or None if no point of any lies beyond the front.

    Args:
        offers: Points of choices that have as many designs each: (choices, designs, 1 + costs).
        front: (points, 1 + costs), unbeaten.
        scale: On which losses count.

    Returns:
        Which of the offers, and which of its choices.
    """
    if not offers:
        return None
    ends = np.cumsum([len(own) for own in offers])
    designs = np.repeat([own.shape[1] for own in offers], [len(own) for own in offers])
    points = np.concatenate([own.reshape(-1, own.shape[-1]) for own in offers])
    owners = np.repeat(np.arange(ends[-1]), designs)
    reached = np.logical_and.reduce(
        [np.greater_equal.outer(*own) for own in zip(front.T, points.T, strict=True)]
    )
    beyond = ~reached.any(axis=0)
    points, owners = points[beyond], owners[beyond]
    unbeaten, scaled = np.unique(owners[non_dominated(points)]), scale(points)
    best = _greatest_gain({i: scaled[owners == i] for i in unbeaten.tolist()}, scale(front))
    if best is None:
        return None
    number = int(np.searchsorted(ends, best, side="right"))
    return number, best - int(ends[number]) + len(offers[number])


def _greatest_gain(new: Mapping[int, Array], front: Array) -> int | None:
    if not new:
        return None
    everything = np.concatenate([front, *new.values()])
    low, high = everything.min(axis=0), everything.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    front, reference = (front - low) / width, np.full(front.shape[1], -BEYOND)
    gains = {
        i: hypervolume(np.concatenate([front, (own - low) / width]), reference) for i, own in new.items()
    }
    return max(gains, key=gains.__getitem__)
