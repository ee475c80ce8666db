"""Studies side by side: one page with their fronts in one picture, their metrics, and what they differ in.

They are compared in the objectives that they share; a front is made of those alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dse import pareto
from dse.errors import UserError
from dse.metrics import METRICS, Metric
from dse.plots.front import BESIDE
from dse.plots.style import shown
from dse.report.front import HOVER, axis, hover, step
from dse.report.render import COLUMNS, fill
from dse.results import Snapshot
from dse.results.tables import front as front_of
from dse.results.tables import points
from dse.study_file.problems import differences

COLOURS = ("#0b5394", "#b45309", "#2e7d32", "#7b1fa2")
"""One a study, from the first; told apart when printed in grey by their markers."""

SYMBOLS = ("diamond", "circle", "square", "triangle-up")


def compare(studies: Sequence[Snapshot]) -> str:
    """Return a page that sets studies side by side.

    Args:
        studies: Two to four studies that share an objective; finished trials are what is compared.

    Raises:
        UserError: If they cannot be compared.
    """
    shared = _shared(studies)
    first, names = studies[0], _names(studies)
    fronts = [front_of(study.trials, shared) for study in studies]
    return fill(
        "comparison.html.jinja",
        title=" against ".join(names),
        names=names,
        objectives=shared,
        others=[[metric.label for metric in study.objectives if metric not in shared] for study in studies],
        drawings={"front": _fronts(studies, fronts, names, shared)},
        rows=_rows(studies, fronts, names, shared),
        columns=_columns(studies, shared),
        settings=[differences(first.study.config, study.study.config) for study in studies[1:]],
        circumstances=[differences(first.study.about, study.study.about) for study in studies[1:]],
    )


def _shared(studies: Sequence[Snapshot]) -> list[Metric]:
    """Return the objectives of all studies."""
    if not 2 <= len(studies) <= len(COLOURS):
        raise UserError(f"studies = {len(studies)}: must be 2 to {len(COLOURS)} to be compared")
    shared = [own for own in studies[0].objectives if all(own in study.objectives for study in studies)]
    for study in studies:
        if not shared:
            ours, theirs = (", ".join(own.name for own in s.objectives) for s in (study, studies[0]))
            if study is not studies[0]:
                raise UserError(
                    f"{study.folder}: objectives {ours}: must share one with {studies[0].folder}, {theirs}"
                )
        elif not len(study.points()):
            raise UserError(f"{study.folder}: no trial is finished: must have one to be compared")
    return shared


def _names(studies: Sequence[Snapshot]) -> list[str]:
    """Name the studies, by their folders where two have one name."""
    names = [study.name for study in studies]
    return names if len(set(names)) == len(names) else [str(study.folder) for study in studies]


def _columns(studies: Sequence[Snapshot], shared: Sequence[Metric]) -> list[Metric]:
    """Return the metrics that the table shows: the shared objectives, then others that all studies have."""
    common = [METRICS[name] for name in COLUMNS if all(name in study.metrics for study in studies)]
    return list(dict.fromkeys([*shared, *common]))


def _fronts(
    studies: Sequence[Snapshot],
    fronts: Sequence[pd.DataFrame],
    names: Sequence[str],
    shared: Sequence[Metric],
) -> dict[str, Any]:
    """Return plotly's data and layout: the front of each study, a step line of two objectives."""
    beside = (METRICS[name] for name in BESIDE)
    up, across = [*shared, *(metric for metric in beside if metric not in shared)][:2]
    drawing = go.Figure()
    for study, rows, name, colour, symbol in zip(studies, fronts, names, COLOURS, SYMBOLS, strict=False):
        front = rows.sort_values(across.name)
        drawing.add_scatter(
            x=shown(front[across.name], across).to_numpy(),
            y=shown(front[up.name], up).to_numpy(),
            name=name.replace("<", "&lt;"),
            text=hover(study, front, HOVER),
            hovertemplate="%{text}<extra></extra>",
            **step(across, colour, symbol, joined=len(shared) == 2),
        )
    every = pd.concat(fronts)
    drawing.update_layout(
        template=None,
        xaxis=axis(across, every[across.name]),
        yaxis=axis(up, every[up.name]),
        hovermode="closest",
        showlegend=True,
    )
    data: dict[str, Any] = json.loads(drawing.to_json())
    return data


def _rows(
    studies: Sequence[Snapshot],
    fronts: Sequence[pd.DataFrame],
    names: Sequence[str],
    shared: Sequence[Metric],
) -> list[dict[str, Any]]:
    """Return a row a study: its trials, its share of the hypervolume of all together, and its knee."""
    own = [points(study.trials[study.trials.feasible.astype(bool)], shared) for study in studies]
    together = np.concatenate(own)
    reference = together.min(axis=0)
    total = pareto.hypervolume(together, reference) or 1.0
    return [
        {
            "name": name,
            "trials": study.swept or len(values),
            "designs": len(front),
            "share": pareto.hypervolume(values, reference) / total,
            "knee": front[front.knee].iloc[0],
            "label": study.label(int(front[front.knee].number.iloc[0])),
        }
        for study, front, values, name in zip(studies, fronts, own, names, strict=True)
    ]
