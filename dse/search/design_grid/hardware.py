"""The best hardware for some tables, found exactly: every design of the study file is evaluated.

A design takes microseconds, tables a pass over the test data. What is kept of all designs is what no other
beats in the study's hardware figures, within its constraints.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import optuna
import pandas as pd

from accel_models import Designs, Workload, needs
from dse.errors import UserError
from dse.metrics import HARDWARE, Metric
from dse.pareto import non_dominated
from dse.space import Space
from dse.space.widths import Least, Widths, completed_all
from dse.study_file.constraints import Constraint

MOST_DESIGNS = 100_000
"""Designs that are evaluated for a choice of tables, some seconds' work; more are for the joint strategy."""

PREPARED = 4
"""Addressing units whose designs are kept ready for the next workload: 100,000 take some 60 MB each."""


SOME = 64
"""Likewise of a few designs each."""


@dataclass(frozen=True)
class Found:
    """Designs that no other beats, best in the first figure first.

    Attributes:
        rows: Which of all designs.
        figures: Every hardware figure of each.
    """

    rows: list[int]
    figures: list[dict[str, float]]


class Hardware:
    """All designs that a study file describes, or those of some widths.

    Args:
        space: Says which.
        least: The accumulator that a network needs, for what the study file leaves open.
        figures: Hardware figures among the objectives, the first one first.
        constraints: On hardware figures.
        chosen: Values of the width fields that the designs shall have; of those not named, any.
    """

    def __init__(
        self,
        space: Space,
        least: Least,
        figures: Sequence[Metric],
        constraints: Sequence[Constraint] = (),
        chosen: Widths | None = None,
    ) -> None:
        self._space, self._figures, self._constraints = space, figures, constraints
        self._least, self._chosen = least, dict(chosen or {})
        self._known: dict[Workload, Found | str] = {}
        self._ready = lru_cache(PREPARED)(self._prepared)
        self._some = lru_cache(SOME)(self._prepared)

    @cached_property
    def fields(self) -> list[dict[str, Any]]:
        """Every design's fields; of those that differ only in a field that does not apply, one."""
        axes = {**self._space.designs.axes, **{name: (value,) for name, value in self._chosen.items()}}
        designs = (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
        applied = map(self._space.designs.applied, designs)
        return [dict(items) for items in dict.fromkeys(tuple(fields.items()) for fields in applied)]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The designs as a table, their widths completed; a field that is nothing everywhere is left out."""
        return self._completed[0]

    @cached_property
    def _completed(self) -> tuple[pd.DataFrame, pd.Series[Any]]:
        """The designs, and why the widths of each cannot serve the network, or an empty text."""
        plain = pd.DataFrame(self.fields, dtype=object).dropna(axis="columns", how="all").infer_objects()
        return completed_all(plain, self._least)

    def best(self, workload: Workload) -> list[dict[str, Any]]:
        """Return the fields of the designs that no other beats, best in the first figure first.

        Raises:
            TrialPruned: As `found`.
        """
        return [self.fields[row] for row in self.best_rows(workload)]

    def best_rows(self, workload: Workload) -> list[int]:
        """Return the rows of `frame` of those designs.

        Raises:
            TrialPruned: As `found`.
        """
        return self.found(workload).rows

    def found(self, workload: Workload) -> Found:
        """Return those designs with their figures. Workloads that were asked for before cost nothing.

        Raises:
            TrialPruned: If no design can run it within the constraints; says what excludes how many.
        """
        if workload not in self._known:
            self._known[workload] = self._enumerate(workload)
        found = self._known[workload]
        if isinstance(found, str):
            raise optuna.TrialPruned(found)
        return found

    def costs(self, workload: Workload, rows: Sequence[int] | None = None) -> pd.DataFrame:
        """Evaluate all designs, or those in some rows; see `accel_models.evaluate_many`."""
        asked = needs(workload)
        designs, refused = self._ready(None, **asked) if rows is None else self._some(tuple(rows), **asked)
        costs = designs.evaluate(workload)
        costs.loc[refused.index, "reason"] = refused
        return costs

    def _prepared(self, rows: tuple[int, ...] | None, **addressing: Any) -> tuple[Designs, pd.Series[Any]]:
        """Return all designs, or those in some rows, with a unit, and why some have widths of no use."""
        designs, why = self._completed
        if rows is not None:
            designs, why = designs.iloc[list(rows)], why.iloc[list(rows)]
        return Designs(designs.assign(**addressing)), why[why != ""]

    def _enumerate(self, workload: Workload) -> Found | str:
        costs = self.costs(workload)
        figures = {figure.name: costs[figure.name].to_numpy(float) for figure in HARDWARE}
        allowed = (costs.reason == "").to_numpy() & np.all(
            [c.met(figures[c.figure.name]) for c in self._constraints], axis=0
        )
        if not allowed.any():
            return self._why_none(costs)
        points = np.column_stack([figures[figure.name] * figure.sign for figure in self._figures])
        front = np.flatnonzero(allowed)
        front = front[non_dominated_rows(points[front])]
        rows = front[np.argsort(-points[front, 0], kind="stable")]
        best = [
            dict(zip(figures, own, strict=True))
            for own in zip(*(f[rows].tolist() for f in figures.values()), strict=True)
        ]
        return Found(rows.tolist(), best)

    def _why_none(self, costs: pd.DataFrame) -> str:
        able = costs[costs.reason == ""]
        if able.empty:
            return str(costs.reason.mode()[0])
        figures = {c: able[c.figure.name].to_numpy(float) for c in self._constraints}
        parts = [f"{c} excludes {int((~c.met(own)).sum())}" for c, own in figures.items()]
        return f"no feasible design: of {len(able)} that can run it, {', '.join(parts)}"


def non_dominated_rows(points: np.ndarray[Any, Any]) -> list[int]:
    """Return the rows that no other beats, the first of equal ones; of one figure, the first best."""
    if points.shape[1] == 1:
        return [int(points[:, 0].argmax())]
    _, first = np.unique(points, axis=0, return_index=True)
    rows = np.sort(first)
    return [int(row) for row in rows[non_dominated(points[rows])]]


def check_size(axes: Mapping[str, Sequence[Any]]) -> None:
    """Refuse more designs than can be enumerated.

    Raises:
        UserError: If there are more than `MOST_DESIGNS`.
    """
    count = math.prod(map(len, axes.values()))
    if count > MOST_DESIGNS:
        raise UserError(
            f'[hardware]: {count} designs: must be at most {MOST_DESIGNS} with strategy = "nested"; '
            'search fewer values, or set [search] strategy = "joint"'
        )
