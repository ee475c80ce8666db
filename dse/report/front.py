"""The interactive Pareto front, as plain data for plotly.js."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dse.figures import Figure
from dse.plots import FRONT, NEAR_ONE, ORIGINAL, OTHER, labels, shown
from dse.study import Study
from dse.written import written

SHORT = 1000
"""Above so many trials, only those on the front are described in full: the page stays under 5 MB."""

HOVER = ("accuracy", "fidelity", "cosine", "throughput_per_watt", "power_w", "area_mm2", "latency_s")


def front_data(study: Study) -> dict[str, Any]:
    """Return plotly's data and layout: all finished trials, the front as a step line, the knee."""
    quality, cost = study.objectives[:2]
    trials, front = study.trials(), study.pareto()
    drawing = go.Figure()
    brief = HOVER if len(trials) <= SHORT else (quality.name, cost.name)
    for name, rows, told, style in (
        (
            "trial",
            trials[trials.state == "complete"],
            brief,
            {"mode": "markers", "marker": {"color": OTHER, "size": 7}},
        ),
        ("Pareto front", front.sort_values(cost.name), HOVER, step(cost, FRONT, "diamond")),
        ("knee", front[front.knee], HOVER, {"mode": "markers", "marker": _ring()}),
    ):
        drawing.add_scatter(
            x=shown(rows[cost.name], cost).to_numpy(),
            y=shown(rows[quality.name], quality).to_numpy(),
            name=name,
            text=hover(study, rows, told),
            customdata=rows.number.tolist(),
            hovertemplate="%{text}<extra></extra>",
            **style,
        )
    if "accuracy" in (quality.name, cost.name):
        value = study.original["accuracy"]
        line = drawing.add_hline if quality.name == "accuracy" else drawing.add_vline
        line(value, line={"color": ORIGINAL, "dash": "dash"}, annotation_text=f"unconverted {value:.1%}")
    drawing.update_layout(template=None, xaxis=axis(cost), yaxis=axis(quality), hovermode="closest")
    figure: dict[str, Any] = json.loads(drawing.to_json())
    return figure


def step(cost: Figure, colour: str, symbol: str) -> dict[str, Any]:
    """Return the style of a front's line: what is between two designs can be had only by the better."""
    shape = "vh" if cost.better == "higher" else "hv"
    marker = {"color": colour, "size": 10, "symbol": symbol}
    return {"mode": "lines+markers", "line": {"color": colour, "shape": shape}, "marker": marker}


def _ring() -> dict[str, Any]:
    return {"color": FRONT, "size": 20, "symbol": "circle-open", "line": {"width": 2}}


def hover(study: Study, rows: pd.DataFrame, told: Sequence[str]) -> list[str]:
    """Describe each trial in lines; plotly reads some HTML there, so all is escaped."""
    figures = [study.figures[name] for name in told if name in study.figures]
    texts = []
    for name, row in zip(labels(study, rows), rows.to_dict("records"), strict=True):
        lines = [f"trial {row['number']}: {name}"]
        lines += [f"{figure.label} {written(figure, row[figure.name])} {figure.unit}" for figure in figures]
        texts.append("<br>".join(html.escape(line) for line in lines))
    return texts


def axis(figure: Figure) -> dict[str, Any]:
    """Return plotly's axis of a figure, like the one of `dse.plots`."""
    drawn: dict[str, Any] = {"title": {"text": html.escape(figure.heading)}, "zeroline": False}
    if figure.name in NEAR_ONE:
        distances = [10.0**-power for power in range(8)]
        drawn |= {
            "type": "log",
            "autorange": "reversed",
            "tickvals": distances,
            "ticktext": ["0", *(f"{1 - d:.{power}f}" for power, d in enumerate(distances) if power)],
        }
    elif figure.name == "kl_divergence":
        drawn |= {"type": "log", "autorange": "reversed"}
    elif figure.name == "accuracy":
        drawn["tickformat"] = ".1%"
    return drawn
