"""What joins the front, and which tables a cheap look can rule out.

Tables may be scored on a share of the test data first. Such a score is off by some factor from the one on all
data; by how much shows where both are known. Tables that even the luckiest factor seen would leave behind the
front are not scored further.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import optuna

from dse.metrics import QUALITY, Metric
from dse.pareto import Points
from dse.score import Scorer
from dse.space import Tables
from dse.space.widths import Widths
from dse.storage.memo import Figures
from dse.study_file import StudyFile

PAIRS = 10
"""Tables that are scored on both before any is ruled out."""


class Screen:
    """Knows the points of the finished trials that keep to the constraints.

    Args:
        config: The study file.
        scorer: Scores tables on a share of the data.
    """

    def __init__(self, config: StudyFile, scorer: Scorer) -> None:
        self._config, self._scorer = config, scorer
        self._signs = np.array([figure.sign for figure in config.figures])
        self._points: list[Sequence[float]] = []
        self._factors: dict[str, list[float]] = {}

    def learn(self, values: Sequence[float]) -> None:
        """Hear of a finished trial that keeps to the constraints; one that is beaten tells nothing."""
        if self.joins_front(values):
            self._points.append(values)

    def joins_front(self, values: Sequence[float]) -> bool:
        """Whether no finished trial beats these objectives."""
        point = np.array(values) * self._signs
        others = self._front()
        return not bool(((others >= point).all(axis=1) & (others > point).any(axis=1)).any())

    def check(self, tables: Tables, chosen: Widths, costs: Sequence[Mapping[str, float]]) -> None:
        """Score tables and widths on a share of the test data, if the study file says so.

        Raises:
            TrialPruned: If they could not join the front with any of these costs.
        """
        share = self._config.search.subset
        if share == 1.0:
            return
        quick = self._scorer.quick_quality(tables, chosen, share)
        hopeful = self._hopeful(quick)
        if hopeful and not any(self._may_join({**hopeful, **figures}) for figures in costs):
            shown = ", ".join(f"{f.name} {quick[f.name]:.4g}" for f in self._config.figures if f in QUALITY)
            raise optuna.TrialPruned(f"cannot join the front: {shown} on {share:.0%} of the test batches")
        full = self._scorer.quality(tables, chosen)
        for figure in self._quality:
            ratio = self._distance(figure, full) / max(self._distance(figure, quick), 1e-12)
            self._factors.setdefault(figure.name, []).append(ratio)

    @property
    def _quality(self) -> list[Metric]:
        return [figure for figure in self._config.figures if figure in QUALITY]

    def _distance(self, figure: Metric, figures: Figures) -> float:
        return float(abs(figures[figure.name] - self._scorer.network.original[figure.name]))

    def _hopeful(self, quick: Figures) -> Figures:
        """What the figures on all data would be by the luckiest factor seen; nothing while few were seen."""
        if any(len(self._factors.get(figure.name, ())) < PAIRS for figure in self._quality):
            return {}
        original = self._scorer.network.original
        return {
            f.name: original[f.name] + (quick[f.name] - original[f.name]) * min(1.0, *self._factors[f.name])
            for f in self._quality
        }

    def _may_join(self, figures: Mapping[str, float]) -> bool:
        limits = [limit for limit in self._config.limits if limit.figure.name in figures]
        kept_to = all(limit.violation(figures[limit.figure.name]) <= 0 for limit in limits)
        return kept_to and self.joins_front([figures[figure.name] for figure in self._config.figures])

    def _front(self) -> Points:
        front: Points = np.array(self._points, dtype=float).reshape(-1, len(self._signs)) * self._signs
        return front
