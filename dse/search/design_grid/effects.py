"""Main effects of a grid: which share of a metric's variance the value of one field explains.

The variance of the means over the values of a field, over the variance of the metric over all designs that
can run the networks (the first-order index of a Sobol decomposition; for a full grid, exactly that, without
an estimate).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dse.search.design_grid.grid import Grid, Numbers

Array = NDArray[np.float64]


@dataclass
class Effects:
    """Sums over the designs so far.

    Attributes:
        grid: The designs.
        metrics: Whose effects are found.
        count: How many designs have each value, by field, (values,).
        total: Sums of each metric over them, by field, (values, metrics).
        squares: Sums of squares of each metric over all, (metrics,).
        origin: What is subtracted from each metric first, so that sums lose no digits, (metrics,).
    """

    grid: Grid
    metrics: Sequence[str]
    count: dict[str, Array] = field(default_factory=dict)
    total: dict[str, Array] = field(default_factory=dict)
    squares: Array = field(default_factory=lambda: np.zeros(0))
    origin: Array = field(default_factory=lambda: np.zeros(0))

    def add(self, numbers: Numbers, costs: pd.DataFrame) -> None:
        """Add some designs, their metrics a row each; none of them NaN."""
        if not len(numbers):
            return
        values = costs[list(self.metrics)].to_numpy(float)
        if not len(self.origin):
            self.origin = np.asarray(values.mean(axis=0), dtype=np.float64)
            self.squares = np.zeros(values.shape[1])
        values = values - self.origin
        self.squares = self.squares + (values**2).sum(axis=0)
        places = self.grid.places(numbers)
        for name, axis in self.grid.searched.items():
            count = np.bincount(places[name], minlength=len(axis)).astype(float)
            total = np.column_stack([np.bincount(places[name], own, len(axis)) for own in values.T])
            self.count[name] = self.count.get(name, np.zeros_like(count)) + count
            self.total[name] = self.total.get(name, np.zeros_like(total)) + total

    def shares(self) -> dict[str, dict[str, float]]:
        """Return each field's share of the variance, by metric, largest first; empty where nothing varies."""
        return {
            metric: dict(sorted(found.items(), key=lambda item: -item[1]))
            for place, metric in enumerate(self.metrics)
            if (found := self._shares(place))
        }

    def _shares(self, place: int) -> dict[str, float]:
        found = {}
        for name, count in self.count.items():
            total, present = self.total[name][:, place], count > 0
            everything = total.sum() ** 2 / count.sum()
            variance = self.squares[place] - everything
            if variance <= 1e-12 * self.squares[place]:
                return {}
            means = (total[present] ** 2 / count[present]).sum()
            found[name] = float(max(0.0, means - everything) / variance)
        return found

    def state(self) -> dict[str, Any]:
        """Return the sums as plain values; see `restore`."""
        return {
            "count": {name: values.tolist() for name, values in self.count.items()},
            "total": {name: values.tolist() for name, values in self.total.items()},
            "squares": self.squares.tolist(),
            "origin": self.origin.tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from sums that `state` gave."""
        self.count = {name: np.array(values) for name, values in state["count"].items()}
        self.total = {name: np.array(values) for name, values in state["total"].items()}
        self.squares, self.origin = np.array(state["squares"]), np.array(state["origin"])
