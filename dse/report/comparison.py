"""Studies side by side: one page with their fronts in one picture, their figures, and what they differ in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dse import pareto
from dse.errors import UserError
from dse.plots import labels, shown
from dse.report.front import HOVER, axis, hover, step
from dse.report.render import columns, fill
from dse.results import Results
from dse.study_file.problems import differences

COLOURS = ("#0b5394", "#b45309", "#2e7d32", "#7b1fa2")
"""One a study, from the first; told apart when printed in grey by their markers."""

SYMBOLS = ("diamond", "circle", "square", "triangle-up")


def compare(studies: Sequence[Results]) -> str:
    """Return a page that sets studies side by side.

    Args:
        studies: Two to four studies with the same objectives; finished trials are what is compared.

    Raises:
        UserError: If they cannot be compared.
    """
    _check(studies)
    first = studies[0]
    names = _names(studies)
    return fill(
        "comparison.html.jinja",
        title=" against ".join(names),
        names=names,
        objectives=first.objectives,
        drawings={"front": _fronts(studies, names)},
        rows=_rows(studies, names),
        columns=columns(first),
        settings=[_changes(first, study, "config") for study in studies[1:]],
        circumstances=[_changes(first, study, "about") for study in studies[1:]],
    )


def _check(studies: Sequence[Results]) -> None:
    if not 2 <= len(studies) <= len(COLOURS):
        raise UserError(f"studies = {len(studies)}: must be 2 to {len(COLOURS)} to be compared")
    for study in studies:
        if study.objectives != studies[0].objectives:
            ours, theirs = (", ".join(f.name for f in s.objectives) for s in (study, studies[0]))
            raise UserError(
                f"{study.folder}: objectives {ours}: must be {theirs}, as those of {studies[0].folder}"
            )
        if not len(study.points()):
            raise UserError(f"{study.folder}: no trial is finished: must have one to be compared")


def _names(studies: Sequence[Results]) -> list[str]:
    """Name the studies, by their folders where two have one name."""
    names = [study.name for study in studies]
    return names if len(set(names)) == len(names) else [str(study.folder) for study in studies]


def _fronts(studies: Sequence[Results], names: Sequence[str]) -> dict[str, Any]:
    """Return plotly's data and layout: the front of each study as a step line."""
    quality, cost = studies[0].objectives
    drawing = go.Figure()
    for study, name, colour, symbol in zip(studies, names, COLOURS, SYMBOLS, strict=False):
        front = study.pareto().sort_values(cost.name)
        drawing.add_scatter(
            x=shown(front[cost.name], cost).to_numpy(),
            y=shown(front[quality.name], quality).to_numpy(),
            name=name,
            text=hover(study, front, HOVER),
            hovertemplate="%{text}<extra></extra>",
            **step(cost, colour, symbol),
        )
    drawing.update_layout(
        template=None, xaxis=axis(cost), yaxis=axis(quality), hovermode="closest", showlegend=True
    )
    figure: dict[str, Any] = json.loads(drawing.to_json())
    return figure


def _rows(studies: Sequence[Results], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row a study: its trials, its share of the hypervolume of all together, and its knee."""
    points = [study.points() for study in studies]
    together = np.concatenate(points)
    reference = together.min(axis=0)
    total = pareto.hypervolume(together, reference) or 1.0
    return [
        {
            "name": name,
            "trials": len(own),
            "designs": len(study.pareto()),
            "share": pareto.hypervolume(own, reference) / total,
            "knee": study.best(),
            "label": labels(study, study.pareto().query("knee"))[0],
        }
        for study, own, name in zip(studies, points, names, strict=True)
    ]


def _changes(first: Results, study: Results, what: str) -> list[str]:
    return differences(getattr(first.record, what), getattr(study.record, what))
