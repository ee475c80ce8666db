"""Fronts of sums: the unbeaten combinations of choices where both loss and cost add up over the keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

MOST = 48
"""Combinations that are kept after each key, spread evenly over the front's losses."""


def merged(
    losses: Sequence[Array], costs: Sequence[Array], allowed: Sequence[NDArray[np.bool_]]
) -> NDArray[np.intp]:
    """Return the combinations, one choice a key, that no other beats in summed loss and summed cost.

    A part of an unbeaten combination is unbeaten among the parts over the same keys, so keys are added one by
    one and what is beaten is dropped each time (Bellman's principle; exact until more than `MOST` remain).

    Args:
        losses: Of each key's choices; lower is better.
        costs: Likewise.
        allowed: Which choices may be taken; at least one a key.

    Returns:
        (combinations, keys), the cheapest one first.
    """
    chosen = np.zeros((1, 0), dtype=np.intp)
    loss, cost = np.zeros(1), np.zeros(1)
    for own_loss, own_cost, own in zip(losses, costs, allowed, strict=True):
        choices = np.flatnonzero(own)
        choices = choices[_unbeaten(own_loss[choices], own_cost[choices])]
        loss, cost = (
            np.add.outer(sums, own[choices]).ravel() for sums, own in ((loss, own_loss), (cost, own_cost))
        )
        pairs = np.column_stack([np.repeat(chosen, len(choices), axis=0), np.tile(choices, len(chosen))])
        keep = _thinned(_unbeaten(loss, cost))
        chosen, loss, cost = pairs[keep], loss[keep], cost[keep]
    return chosen


def _unbeaten(loss: Array, cost: Array) -> Rows:
    """Return the rows that no other beats, cheapest first; of equal ones one."""
    order = np.lexsort((loss, cost))
    best = np.minimum.accumulate(loss[order])
    kept: Rows = order[np.concatenate([[True], loss[order][1:] < best[:-1]])]
    return kept


def _thinned(rows: Rows) -> Rows:
    if len(rows) <= MOST:
        return rows
    thinned: Rows = rows[np.unique(np.linspace(0, len(rows) - 1, MOST).round().astype(int))]
    return thinned
