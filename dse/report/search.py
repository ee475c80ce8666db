"""What the report says of how the search went: the sweep, growth, and trials without metrics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dse.plots.style import FRONT
from dse.results import Snapshot


def sweep(study: Snapshot) -> dict[str, Any]:
    """Return how the designs of a study of hardware alone were gone through; empty of others."""
    found = dict(study.study.sweep)
    if not found:
        return {}
    networks = [
        {"title": of["title"] or name, "weight": of["weight"], "name": name}
        for name, of in study.study.networks.items()
    ]
    return found | {"networks": networks, "choices": len(study.front)}


def growth_data(rows: Sequence[tuple[int, float]]) -> dict[str, Any]:
    """Return plotly's data and layout for the growth of the front."""
    drawing = go.Figure()
    drawing.add_scatter(
        x=[trials for trials, _ in rows],
        y=[share for _, share in rows],
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


def unfinished(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Return failed, pruned and running trials with why."""
    rows = trials[trials.state != "complete"][["number", "state", "reason"]]
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]
