"""The interactive Pareto front, as plain data for plotly.js."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dse.metrics import Metric
from dse.plots import COLOURS, FRONT, LINES, NEAR_ONE, OTHER, hue, hue_heading, labels, shown
from dse.results import Results
from dse.results.references import Reference, near, platforms
from dse.written import written

SHORT = 1000
"""Above so many trials, only those on the front are described in full and have their accuracy drawn: the page
stays under 5 MB and opens fast."""

PLATFORMS = 4
"""Platforms that a hover tells the distance from; a card tells all."""

HOVER = ("accuracy", "fidelity", "cosine", "throughput_per_watt", "power_w", "area_mm2", "latency_s")


def front_data(study: Results, beside: Sequence[Reference]) -> dict[str, Any]:
    """Return plotly's data and layout: all finished trials, the front, the knee, and lines of references.

    If the network has an accuracy that is no objective, it is shown below, for the same trials. A third
    objective is the front's colour.
    """
    quality, cost, *third = study.objectives
    trials, front = study.trials(), study.pareto()
    done, ordered = trials[trials.state == "complete"], front.sort_values(cost.name)
    objectives = [figure.name for figure in study.objectives]
    told = list(dict.fromkeys([*objectives, *HOVER]))
    brief = told if len(trials) <= SHORT else objectives
    drawn = _coloured(ordered, *third) if third else step(cost, FRONT, "diamond")
    drawing = go.Figure()
    for name, rows, text, style in (
        ("trial", done, hover(study, done, brief), _dots(7)),
        ("Pareto front", ordered, _far(study, ordered, hover(study, ordered, told)), drawn),
        ("knee", front[front.knee], hover(study, front[front.knee], told), _ring()),
    ):
        drawing.add_scatter(
            x=shown(rows[cost.name], cost).to_numpy(),
            y=shown(rows[quality.name], quality).to_numpy(),
            name=name,
            text=text,
            customdata=rows.number.tolist(),
            hovertemplate="%{text}<extra></extra>",
            **style,
        )
    panels = {"y": quality} | _second(drawing, study, done, front)
    drawing.update_layout(template=None, xaxis=axis(cost), yaxis=axis(quality), hovermode="closest")
    _lines(drawing, "x", cost, done, beside)
    for place, figure in panels.items():
        _lines(drawing, place, figure, done, beside)
    data: dict[str, Any] = json.loads(drawing.to_json())
    return data


def _second(drawing: go.Figure, study: Results, done: pd.DataFrame, front: pd.DataFrame) -> dict[str, Metric]:
    """Draw the accuracy below the front, where there is one and no objective is it; returns its axis."""
    cost, figure = study.objectives[1], study.figures.get("accuracy")
    if figure is None or figure in study.objectives[:2]:
        return {}
    others = done if len(done) <= SHORT else done[:0]
    for rows, style in ((others, _dots(5)), (front, _dots(7, FRONT, "diamond"))):
        drawing.add_scatter(
            x=shown(rows[cost.name], cost).to_numpy(),
            y=rows[figure.name].to_numpy(),
            yaxis="y2",
            customdata=rows.number.tolist(),
            hovertemplate="trial %{customdata}: %{y:.2%}<extra></extra>",
            showlegend=False,
            **style,
        )
    drawing.update_layout(
        yaxis={"domain": [0.32, 1]},
        yaxis2=axis(figure) | {"domain": [0, 0.24], "anchor": "x"},
        xaxis={"anchor": "y2"},
    )
    return {"y2": figure}


def _lines(
    drawing: go.Figure, place: str, figure: Metric, done: pd.DataFrame, beside: Sequence[Reference]
) -> None:
    """Draw a line for each reference near the trials, as `dse.plots` does, named in the legend."""
    if done.empty or figure.name in (*NEAR_ONE, "kl_divergence"):
        return
    for reference in near(beside, figure.name, done[figure.name]):
        colour, dashes = LINES[reference.kind]
        value = reference.figures[figure.name]
        along = {"x0": value, "x1": value, "y0": 0, "y1": 1, "xref": "x", "yref": "paper"}
        across = {"x0": 0, "x1": 1, "y0": value, "y1": value, "xref": "paper", "yref": place}
        drawing.add_shape(
            type="line",
            name=html.escape(reference.told(figure)),
            showlegend=True,
            layer="below",
            line={"color": colour, "width": 1.5, "dash": ",".join(f"{dash}px" for dash in dashes)},
            **(along if place == "x" else across),
        )


def _far(study: Results, rows: pd.DataFrame, texts: list[str]) -> list[str]:
    """Add to each text how far its design is from each platform, in throughput per power."""
    found = platforms(study)[:PLATFORMS]
    lines = []
    for text, own in zip(texts, rows.throughput_per_watt, strict=True):
        far = (f"{own / row.figures['throughput_per_watt']:.3g} × {html.escape(row.name)}" for row in found)
        lines.append("<br>".join([text, *far]))
    return lines


def _coloured(rows: pd.DataFrame, figure: Metric) -> dict[str, Any]:
    marker = {
        "color": hue(rows[figure.name], figure).to_numpy(),
        "size": 11,
        "symbol": "diamond",
        "line": {"color": OTHER, "width": 1},
        "colorscale": COLOURS,
        "showscale": True,
        "colorbar": {"title": {"text": html.escape(hue_heading(figure)), "side": "right"}, "thickness": 12},
    }
    return {"mode": "markers", "marker": marker}


def _dots(size: int, colour: str = OTHER, symbol: str = "circle") -> dict[str, Any]:
    return {"mode": "markers", "marker": {"color": colour, "size": size, "symbol": symbol}}


def step(cost: Metric, colour: str, symbol: str) -> dict[str, Any]:
    """Return the style of a front's line: what is between two designs can be had only by the better."""
    shape = "vh" if cost.better == "higher" else "hv"
    marker = {"color": colour, "size": 10, "symbol": symbol}
    return {"mode": "lines+markers", "line": {"color": colour, "shape": shape}, "marker": marker}


def _ring() -> dict[str, Any]:
    marker = {"color": FRONT, "size": 20, "symbol": "circle-open", "line": {"width": 2}}
    return {"mode": "markers", "marker": marker}


def hover(study: Results, rows: pd.DataFrame, told: Sequence[str]) -> list[str]:
    """Describe each trial in lines; plotly reads some HTML there, so all is escaped."""
    figures = [study.figures[name] for name in told if name in study.figures]
    texts = []
    for name, row in zip(labels(study, rows), rows.to_dict("records"), strict=True):
        lines = [f"trial {row['number']}: {name}"]
        lines += [f"{figure.label} {written(figure, row[figure.name])} {figure.unit}" for figure in figures]
        texts.append("<br>".join(html.escape(line) for line in lines))
    return texts


def axis(figure: Metric) -> dict[str, Any]:
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
