"""The designs that no other beats, kept while chunks of a grid go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dse.metrics import Metric
from dse.pareto import non_dominated
from dse.search.design_grid.grid import Numbers

WITHIN = 0.01
"""Designs that differ by less in every objective are one choice."""


@dataclass
class Front:
    """The front of all designs so far.

    Attributes:
        objectives: What is traded off.
        rows: Metrics of its designs, indexed by their numbers; of equal ones, the first.
    """

    objectives: Sequence[Metric]
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)

    def add(self, costs: pd.DataFrame) -> None:
        """Let some designs join, metrics a row each, indexed by their numbers; none of them NaN."""
        together = pd.concat([self.rows, costs]) if len(self.rows) else costs
        kept = together.iloc[np.flatnonzero(non_dominated(points(together, self.objectives)))]
        self.rows = kept[~kept.duplicated([figure.name for figure in self.objectives])]

    @property
    def numbers(self) -> Numbers:
        """The designs of the front."""
        return self.rows.index.to_numpy(np.int64)


def points(
    costs: pd.DataFrame, objectives: Sequence[Metric]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the objectives of designs, (designs, objectives), higher is better."""
    signs = [figure.sign for figure in objectives]
    return costs[[figure.name for figure in objectives]].to_numpy(float) * signs


def choices(front: pd.DataFrame, objectives: Sequence[Metric], most: int) -> tuple[pd.Series[int], float]:
    """Take together designs of a front that differ little.

    Each design, from the best in the first objective on, stands for those that are not further from it than a
    share of its own value in any objective and that no other stands for yet.

    Args:
        front: Metrics of its designs.
        objectives: What is traded off.
        most: Choices there may be; the share is `WITHIN`, or as much more as that takes.

    Returns:
        For each design that stands for some, how many, itself included, indexed as `front`; and the share.
    """
    share = WITHIN
    while len(found := _choices(front, objectives, share)) > most:
        share *= 1.5
    return found, share


def _choices(front: pd.DataFrame, objectives: Sequence[Metric], share: float) -> pd.Series[int]:
    values = points(front, objectives)
    order = np.lexsort(tuple(-values.T[::-1]))
    members: dict[int, int] = {}
    while len(order):
        own = values[order[0]]
        near = (np.abs(values[order] - own) <= share * np.abs(own)).all(axis=1)
        members[int(order[0])] = int(near.sum())
        order = order[~near]
    rows = list(members)
    return pd.Series([members[row] for row in rows], index=front.index[rows])
