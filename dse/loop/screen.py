"""What joins the front, and which tables a score on a share of the test data can rule out.

Tables may be scored on a share of the test data first. Such a score is off by some factor from the one on all
data; by how much shows where both are known. Tables that the most favourable of these factors would leave
behind the front are not scored further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dse.evaluate import Figures
from dse.metrics import QUALITY, Metric
from dse.pareto import Points
from dse.record import TrialRecord
from dse.study_file import StudyFile

PAIRS = 10
"""Tables that are scored on both before any is ruled out."""


class Screen:
    """Knows the points of the finished trials that meet the constraints.

    Args:
        config: The study file.
        original: Quality metrics of the unconverted network.
    """

    def __init__(self, config: StudyFile, original: Mapping[str, float]) -> None:
        self._config, self._original = config, original
        self._names = [figure.name for figure in config.figures]
        self._signs = np.array([figure.sign for figure in config.figures])
        self._points: list[Sequence[float]] = []
        self._factors: dict[str, list[float]] = {}

    def learn(self, records: Iterable[TrialRecord]) -> None:
        """Hear of trials that ended; one that another beats tells nothing."""
        for record in records:
            if record.feasible and self.joins_front(values := record.values(self._names)):
                self._points.append(values)

    def joins_front(self, values: Sequence[float]) -> bool:
        """Whether no finished trial beats these objectives."""
        point, others = np.array(values) * self._signs, self._front()
        return not bool(((others >= point).all(axis=1) & (others > point).any(axis=1)).any())

    def adds(self, values: Sequence[float]) -> bool:
        """Whether no finished trial beats or equals these objectives."""
        point = np.array(values) * self._signs
        return not bool((self._front() >= point).all(axis=1).any())

    def compare(self, quick: Figures, full: Figures) -> None:
        """Hear what the same tables are scored with on a share of the data and on all."""
        for figure in self._quality:
            ratio = self._distance(figure, full) / max(self._distance(figure, quick), 1e-12)
            self._factors.setdefault(figure.name, []).append(ratio)

    def rules_out(self, quick: Figures, costs: Sequence[Mapping[str, float]]) -> str:
        """Say why tables with this score on a share of the data cannot join the front; empty if they may."""
        best = self._best_case(quick)
        if not best or any(self._may_join({**best, **figures}) for figures in costs):
            return ""
        shown = ", ".join(f"{f.name} {quick[f.name]:.4g}" for f in self._quality)
        return f"cannot join the front: {shown} on {self._config.search.subset:.0%} of the test batches"

    @property
    def _quality(self) -> list[Metric]:
        return [figure for figure in self._config.figures if figure in QUALITY]

    def _distance(self, figure: Metric, figures: Figures) -> float:
        return float(abs(figures[figure.name] - self._original[figure.name]))

    def _best_case(self, quick: Figures) -> Figures:
        """What the metrics on all data would be by the most favourable factor; nothing if few are known."""
        if any(len(self._factors.get(figure.name, ())) < PAIRS for figure in self._quality):
            return {}
        original = self._original
        return {
            f.name: original[f.name] + (quick[f.name] - original[f.name]) * min(1.0, *self._factors[f.name])
            for f in self._quality
        }

    def _may_join(self, figures: Mapping[str, float]) -> bool:
        limits = [limit for limit in self._config.limits if limit.figure.name in figures]
        met = all(limit.violation(figures[limit.figure.name]) <= 0 for limit in limits)
        return met and self.joins_front([figures[name] for name in self._names])

    def _front(self) -> Points:
        front: Points = np.array(self._points, dtype=float).reshape(-1, len(self._signs)) * self._signs
        return front
