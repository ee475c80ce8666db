"""The interactive Pareto front, as plain data for plotly.js."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dse.formatting import formatted
from dse.metrics import Metric
from dse.plots.front import axes_of, points
from dse.plots.style import (
    COLOURS,
    DECADES,
    FRONT,
    LINES,
    LOG_SPAN,
    NEAR_ONE,
    OTHER,
    hue,
    hue_heading,
    share_limits,
    shown,
)
from dse.results import Snapshot
from dse.results.references import Reference, near, platforms

SHORT = 1000
"""Above so many trials, only those on the front are described in full and have their accuracy drawn: the page
stays under 5 MB and opens fast."""

MOST = 2_000
"""Trials beside the front that are drawn, taken at random: ten thousand take a browser two seconds."""

SAMPLE = "sample"
"""The trace of some designs of a sweep."""

PLATFORMS = 4
"""Platforms that a hover tells the distance from; a card tells all."""

HOVER = ("accuracy", "fidelity", "cosine", "throughput_per_watt", "power_w", "area_mm2", "latency_s")


def front_data(study: Snapshot, beside: Sequence[Reference]) -> dict[str, Any]:
    """Return plotly's data and layout: all finished trials, the front, the knee, and lines of references.

    If the network has an accuracy that is no objective, it is shown below, for the same trials. A further
    objective is the front's colour.
    """
    up, across = axes_of(study)
    further = [metric for metric in study.objectives if metric not in (up, across)][:1]
    front, ordered = study.front, traces(study)["Pareto front"]
    objectives = [metric.name for metric in study.objectives]
    told = list(dict.fromkeys([*objectives, *HOVER]))
    brief = told if len(study.trials) <= SHORT else objectives
    stepped = set(study.objectives) == {up, across}
    front_style = _coloured(ordered, *further) if further else step(across, FRONT, "diamond", joined=stepped)
    beside_front = traces(study)["trial"]
    drawing = go.Figure()
    _sample(drawing, study, across, up)
    for name, rows, text, style in (
        (_noun(study), beside_front, hover(study, beside_front, brief), _dots(7)),
        ("Pareto front", ordered, _far(study, ordered, hover(study, ordered, told)), front_style),
        ("knee", front[front.knee], hover(study, front[front.knee], told), _ring()),
    ):
        drawing.add_scatter(
            x=shown(rows[across.name], across).to_numpy(),
            y=shown(rows[up.name], up).to_numpy(),
            name=name,
            text=text,
            customdata=rows.number.tolist(),
            hovertemplate="%{text}<extra></extra>",
            **style,
        )
    all_points = points(study)
    panels = {"y": up} | _second(drawing, study, up, across)
    drawing.update_layout(
        template=None,
        xaxis=axis(across, all_points[across.name]),
        yaxis=axis(up, all_points[up.name]),
        hovermode="closest",
    )
    for place, metric in ({"x": across} | panels).items():
        _lines(drawing, place, metric, all_points, beside)
    data: dict[str, Any] = json.loads(drawing.to_json())
    return data


def traces(study: Snapshot) -> dict[str, pd.DataFrame]:
    """Return the designs of each of the drawing's first traces, in its order, a row each."""
    _, across = axes_of(study)
    sample = {SAMPLE: study.sample} if len(study.sample) else {}
    front = study.front.sort_values(across.name)
    trials = study.done.sample(MOST, random_state=0) if len(study.done) > MOST else study.done
    return sample | {"trial": trials, "Pareto front": front, "knee": study.front[study.front.knee]}


def _noun(study: Snapshot) -> str:
    done = len(study.done)
    return f"{MOST:,} of {done:,} trials, at random" if done > MOST else "trial"


def _sample(drawing: go.Figure, study: Snapshot, across: Metric, up: Metric) -> None:
    """Draw some designs of a sweep, taken at random."""
    if len(study.sample):
        drawing.add_scatter(
            x=study.sample[across.name].to_numpy(),
            y=study.sample[up.name].to_numpy(),
            name="design"
            if len(study.sample) == study.swept
            else f"{len(study.sample):,} designs, at random",
            hoverinfo="skip",
            **_dots(4),
        )


def _second(drawing: go.Figure, study: Snapshot, up: Metric, across: Metric) -> dict[str, Metric]:
    """Draw the accuracy below the front, where there is one and no axis is it; returns its axis."""
    metric, done = study.metrics.get("accuracy"), study.done
    if metric is None or metric in (up, across):
        return {}
    others = done if len(done) <= SHORT else done[:0]
    for rows, style in ((others, _dots(5)), (study.front, _dots(7, FRONT, "diamond"))):
        drawing.add_scatter(
            x=shown(rows[across.name], across).to_numpy(),
            y=rows[metric.name].to_numpy(),
            yaxis="y2",
            customdata=rows.number.tolist(),
            hovertemplate="trial %{customdata}: %{y:.2%}<extra></extra>",
            showlegend=False,
            **style,
        )
    drawing.update_layout(
        yaxis={"domain": [0.32, 1]},
        yaxis2=axis(metric) | {"domain": [0, 0.24], "anchor": "x", "range": _limits(study, metric)},
        xaxis={"anchor": "y2"},
    )
    return {"y2": metric}


def _limits(study: Snapshot, metric: Metric) -> tuple[float, float]:
    """Return the ends of an axis of shares, with the unconverted network's among them if it is near."""
    values = study.done[metric.name]
    beside = [Reference("", "original", study.original)]
    every = [float(values.min()), float(values.max())]
    every += [own.metrics[metric.name] for own in near(beside, metric.name, values)]
    return share_limits(min(every), max(every))


def _lines(
    drawing: go.Figure, place: str, metric: Metric, done: pd.DataFrame, beside: Sequence[Reference]
) -> None:
    """Draw a line for each reference near the trials, as `dse.plots` does, named in the legend."""
    if done.empty or metric.name in (*NEAR_ONE, "kl_divergence"):
        return
    for reference in near(beside, metric.name, done[metric.name]):
        colour, dashes = LINES[reference.kind]
        value = reference.metrics[metric.name]
        along = {"x0": value, "x1": value, "y0": 0, "y1": 1, "xref": "x", "yref": "paper"}
        across = {"x0": 0, "x1": 1, "y0": value, "y1": value, "xref": "paper", "yref": place}
        drawing.add_shape(
            type="line",
            name=html.escape(reference.told(metric)),
            showlegend=True,
            layer="below",
            line={"color": colour, "width": 1.5, "dash": ",".join(f"{dash}px" for dash in dashes)},
            **(along if place == "x" else across),
        )


def _far(study: Snapshot, rows: pd.DataFrame, texts: list[str]) -> list[str]:
    """Add to each text how far its design is from each platform, in throughput per power."""
    found = platforms(study)[:PLATFORMS]
    lines = []
    for text, own in zip(texts, rows.throughput_per_watt, strict=True):
        far = (f"{own / row.metrics['throughput_per_watt']:.3g} × {html.escape(row.name)}" for row in found)
        lines.append("<br>".join([text, *far]))
    return lines


def _coloured(rows: pd.DataFrame, metric: Metric) -> dict[str, Any]:
    marker = {
        "color": hue(rows[metric.name], metric).to_numpy(),
        "size": 11,
        "symbol": "diamond",
        "line": {"color": OTHER, "width": 1},
        "colorscale": COLOURS,
        "showscale": True,
        "colorbar": {"title": {"text": html.escape(hue_heading(metric)), "side": "right"}, "thickness": 12},
    }
    return {"mode": "markers", "marker": marker}


def _dots(size: int, colour: str = OTHER, symbol: str = "circle") -> dict[str, Any]:
    return {"mode": "markers", "marker": {"color": colour, "size": size, "symbol": symbol}}


def step(cost: Metric, colour: str, symbol: str, *, joined: bool = True) -> dict[str, Any]:
    """Return the style of a front's line: what is between two designs can be had only by the better.

    Args:
        cost: The metric across.
        colour: Of the line and its markers.
        symbol: Of the markers.
        joined: Whether there is a line: the axes are all of the objectives.
    """
    shape = "vh" if cost.better == "higher" else "hv"
    marker = {"color": colour, "size": 10, "symbol": symbol}
    if not joined:
        return {"mode": "markers", "marker": marker}
    return {"mode": "lines+markers", "line": {"color": colour, "shape": shape}, "marker": marker}


def _ring() -> dict[str, Any]:
    marker = {"color": FRONT, "size": 20, "symbol": "circle-open", "line": {"width": 2}}
    return {"mode": "markers", "marker": marker}


def hover(study: Snapshot, rows: pd.DataFrame, told: Sequence[str]) -> list[str]:
    """Describe each trial in lines; plotly reads some HTML there, so all is escaped."""
    metrics = [study.metrics[name] for name in told if name in study.metrics]
    texts = []
    for row in rows.to_dict("records"):
        lines = [f"trial {row['number']}: {study.label(row['number'])}"]
        lines += [f"{metric.label} {formatted(metric, row[metric.name])} {metric.unit}" for metric in metrics]
        texts.append("<br>".join(html.escape(line) for line in lines))
    return texts


def axis(metric: Metric, values: pd.Series[Any] | None = None) -> dict[str, Any]:
    """Return plotly's axis of a metric, like the one of `dse.plots`.

    Args:
        metric: The metric.
        values: What is drawn; over a wide span the axis is logarithmic.
    """
    drawn: dict[str, Any] = {"title": {"text": html.escape(metric.heading)}, "zeroline": False}
    if metric.name in NEAR_ONE:
        distances = [10.0**-power for power in range(8)]
        drawn |= {
            "type": "log",
            "autorange": "reversed",
            "tickvals": distances,
            "ticktext": ["0", *(f"{1 - d:.{power}f}" for power, d in enumerate(distances) if power)],
        }
    elif metric.name == "kl_divergence":
        drawn |= {"type": "log", "autorange": "reversed"}
    elif metric.name == "accuracy":
        drawn["tickformat"] = ".1%"
    elif values is not None and len(values) and values.max() > LOG_SPAN * values.min() > 0:
        ticks = _ticks(float(values.min()), float(values.max()))
        drawn |= {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,.10g}" for tick in ticks]}
    return drawn


def _ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of each decade between two values, or the decades alone over more than four."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1.0, 2.0, 5.0) if len(decades) <= DECADES + 1 else (1.0,)
    return [step * 10.0**power for power in decades for step in steps]
