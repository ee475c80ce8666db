"""The trials of a study as tables: all of them, and those that no other beats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dse import pareto
from dse.metrics import METRICS, Metric
from dse.record import TrialRecord


def trials(records: Iterable[TrialRecord], metrics: Iterable[str], searched: Iterable[str]) -> pd.DataFrame:
    """Return trials, a row each: number, state, feasible, metrics, parameters, seconds, reason.

    Args:
        records: The trials.
        metrics: Names of the metrics that they have.
        searched: Names of the parameters.
    """
    columns = ["number", "state", "feasible", *metrics, *searched, "seconds", "reason"]
    return pd.DataFrame([_row(own) for own in records], columns=columns)


def _row(own: TrialRecord) -> dict[str, Any]:
    return {
        "number": own.number,
        "state": own.state,
        "feasible": own.feasible,
        **{name: own.metrics.get(name, np.nan) for name in METRICS},
        **own.params,
        "seconds": own.seconds,
        "reason": own.reason,
    }


def points(rows: pd.DataFrame, objectives: Sequence[Metric]) -> pareto.Points:
    """Return the objectives of some trials, (trials, objectives), signed: higher is better."""
    signs = np.array([metric.sign for metric in objectives], dtype=float)
    return np.asarray(rows[[metric.name for metric in objectives]].to_numpy(float) * signs)


def front(rows: pd.DataFrame, objectives: Sequence[Metric]) -> pd.DataFrame:
    """Return the feasible trials that no other beats, best in the first objective first, equal ones once.

    Columns as in `trials`, and `knee`, true for the one that `dse.pareto.knee` chooses.
    """
    done = rows[rows.feasible.astype(bool)]
    names, first = [metric.name for metric in objectives], objectives[0]
    best = done[pareto.non_dominated(points(done, objectives))]
    best = best.drop_duplicates(names).sort_values(first.name, ascending=first.sign < 0, ignore_index=True)
    knee = pareto.knee(points(best, objectives)) if len(best) else -1
    return best.assign(knee=best.index == knee)
