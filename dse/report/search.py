"""What the report says of how the search went: growth, importances, and trials without figures."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from dse.metrics import HARDWARE, Metric
from dse.plots import FRONT, LEAST_DISTANCE, NEAR_ONE
from dse.results import Results

MARKS = 60
"""Points at which the growth of the front is measured: each costs a hypervolume."""

LEAST_TRIALS = 20
"""Trials below which an importance would be noise."""

RANKED = 8
"""Parameters that are shown of each ranking."""


def growth(study: Results) -> list[dict[str, Any]]:
    """Return the share of the final hypervolume that was reached after so many finished trials."""
    finished, total = len(study.points()), study.hypervolume()
    if total <= 0:
        return []
    marks = np.unique(np.linspace(1, finished, min(finished, MARKS)).round().astype(int)).tolist()
    return [{"trials": mark, "share": study.hypervolume(mark) / total} for mark in marks]


def growth_data(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return plotly's data and layout for the growth of the front."""
    drawing = go.Figure()
    drawing.add_scatter(
        x=[row["trials"] for row in rows],
        y=[row["share"] for row in rows],
        mode="lines+markers",
        line={"color": FRONT, "shape": "hv"},
        marker={"color": FRONT, "size": 5},
        hovertemplate="%{x} trials: %{y:.2%}<extra></extra>",
    )
    drawing.update_layout(
        template=None,
        showlegend=False,
        xaxis={"title": {"text": "finished trials"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "share of the final hypervolume"}, "tickformat": ".4~%"},
    )
    figure: dict[str, Any] = json.loads(drawing.to_json())
    return figure


def importances(study: Results) -> list[dict[str, Any]]:
    """Return, for both objectives, the share of its variance that each searched parameter explains.

    fANOVA (Hutter et al., ICML 2014) on what the front's axes show. Empty where too few trials are finished,
    or all are alike.
    """
    if sum(own.state == "complete" for own in study.records()) < LEAST_TRIALS:
        return []
    ranked = ((figure, _importances(study, figure, column)) for column, figure in enumerate(study.objectives))
    return [{"figure": figure, "shares": shares} for figure, shares in ranked if shares]


def _importances(study: Results, figure: Metric, column: int) -> list[dict[str, Any]]:
    def value(trial: FrozenTrial) -> float:
        shown = float(trial.values[column])
        return math.log10(max(1 - shown, LEAST_DISTANCE)) if figure.name in NEAR_ONE else shown

    searched = [
        name for name in study.space.searched if figure in HARDWARE or name not in study.space.design_axes
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (ExperimentalWarning, UserWarning))
        try:
            found = get_param_importances(
                study.optuna, evaluator=FanovaImportanceEvaluator(seed=0), params=searched, target=value
            )
        except (ValueError, RuntimeError):  # no parameter varies, or every trial is as good
            return []
    return [{"name": name, "share": float(share)} for name, share in found.items()][:RANKED]


def unfinished(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Return failed, pruned and running trials with why."""
    rows = trials[trials.state != "complete"][["number", "state", "reason"]]
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]
