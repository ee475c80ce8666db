"""The interactive Pareto front, as plain data for plotly.js."""

from __future__ import annotations

import html
import json
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dse.figures import Figure
from dse.plots import FRONT, NEAR_ONE, ORIGINAL, OTHER, labels, shown
from dse.study import Study
from dse.written import written

HOVER = ("accuracy", "fidelity", "cosine", "throughput_per_watt", "power_w", "area_mm2", "latency_s")


def front_data(study: Study) -> dict[str, Any]:
    """Return plotly's data and layout: all finished trials, the front as a step line, the knee."""
    quality, cost = study.objectives[:2]
    trials, front = study.trials(), study.pareto()
    drawing = go.Figure()
    for name, rows, style in (
        (
            "trial",
            trials[trials.state == "complete"],
            {"mode": "markers", "marker": {"color": OTHER, "size": 7}},
        ),
        ("Pareto front", front.sort_values(cost.name), _front_style(cost)),
        ("knee", front[front.knee], {"mode": "markers", "marker": _ring()}),
    ):
        drawing.add_scatter(
            x=shown(rows[cost.name], cost).tolist(),
            y=shown(rows[quality.name], quality).tolist(),
            name=name,
            text=_hover(study, rows),
            customdata=rows.number.tolist(),
            hovertemplate="%{text}<extra></extra>",
            **style,
        )
    if "accuracy" in (quality.name, cost.name):
        value = study.original["accuracy"]
        line = drawing.add_hline if quality.name == "accuracy" else drawing.add_vline
        line(value, line={"color": ORIGINAL, "dash": "dash"}, annotation_text=f"unconverted {value:.1%}")
    drawing.update_layout(template=None, xaxis=_axis(cost), yaxis=_axis(quality), hovermode="closest")
    figure: dict[str, Any] = json.loads(drawing.to_json())
    return figure


def _front_style(cost: Figure) -> dict[str, Any]:
    shape = "vh" if cost.better == "higher" else "hv"
    marker = {"color": FRONT, "size": 10, "symbol": "diamond"}
    return {"mode": "lines+markers", "line": {"color": FRONT, "shape": shape}, "marker": marker}


def _ring() -> dict[str, Any]:
    return {"color": FRONT, "size": 20, "symbol": "circle-open", "line": {"width": 2}}


def _hover(study: Study, rows: pd.DataFrame) -> list[str]:
    """Describe each trial in lines; plotly reads some HTML there, so all is escaped."""
    figures = [study.figures[name] for name in HOVER if name in study.figures]
    texts = []
    for name, row in zip(labels(study, rows), rows.to_dict("records"), strict=True):
        lines = [f"trial {row['number']}: {name}"]
        lines += [f"{figure.label} {written(figure, row[figure.name])} {figure.unit}" for figure in figures]
        texts.append("<br>".join(html.escape(line) for line in lines))
    return texts


def _axis(figure: Figure) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": html.escape(figure.heading)}, "zeroline": False}
    if figure.name in NEAR_ONE:
        distances = [10.0**-power for power in range(8)]
        axis |= {
            "type": "log",
            "autorange": "reversed",
            "tickvals": distances,
            "ticktext": ["0", *(f"{1 - d:.{power}f}" for power, d in enumerate(distances) if power)],
        }
    elif figure.name == "kl_divergence":
        axis |= {"type": "log", "autorange": "reversed"}
    elif figure.name == "accuracy":
        axis["tickformat"] = ".1%"
    return axis
