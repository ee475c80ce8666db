"""The axes that a reader of the report can choose: any two metrics that the study's designs have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dse.metrics import Metric
from dse.plots.style import shown
from dse.report.front import axis
from dse.results import Snapshot

DIGITS = 6
"""Significant digits of a value; a pixel needs four."""


def axis_choices(
    study: Snapshot, drawn: Sequence[pd.DataFrame], default: tuple[Metric, Metric]
) -> dict[str, Any]:
    """Return what the page draws over other axes.

    Args:
        study: The study.
        drawn: Designs of each of the drawing's first traces, a row each.
        default: The metrics up and across that the drawing has.

    Returns:
        `y` and `x`, the names of the default axes; and `metrics`, for each its name, its heading, plotly's
        axis, and its values on each trace, none for those that have no such metric.
    """
    up, across = default
    return {
        "y": up.name,
        "x": across.name,
        "metrics": [_choice(metric, drawn) for metric in study.metrics.values()],
    }


def _choice(metric: Metric, drawn: Sequence[pd.DataFrame]) -> dict[str, Any]:
    every = pd.concat([rows[metric.name] for rows in drawn if metric.name in rows])
    return {
        "name": metric.name,
        "heading": metric.heading,
        "axis": axis(metric, shown(every, metric)),
        "values": [_values(rows, metric) for rows in drawn],
    }


def _values(rows: pd.DataFrame, metric: Metric) -> list[float | None]:
    if metric.name not in rows:
        return []
    return [
        float(f"{value:.{DIGITS}g}") if value == value else None for value in shown(rows[metric.name], metric)
    ]
