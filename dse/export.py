"""What a run leaves in its folder beside the database."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.figure

from dse.files import write_whole
from dse.plots import pareto_figure
from dse.study import Study

DPI = 200


def write_results(study: Study) -> list[Path]:
    """Write report.html, pareto.png, trials.csv and best.json into the run folder, each whole or not."""
    folder = study.folder
    return [
        study.report(folder / "report.html"),
        write_whole(folder / "pareto.png", drawn(pareto_figure(study), "png")),
        write_whole(folder / "trials.csv", study.trials().to_csv(index=False)),
        write_whole(folder / "best.json", json.dumps(best(study), indent=2) + "\n"),
    ]


def best(study: Study) -> dict[str, Any]:
    """Return the designs to look at first, with all their parameters and figures.

    Keys: `original`, figures of the unconverted network; `knee`, and `best-FIGURE` for both objectives and
    accuracy, if there is one. Without a finished trial only `original` is there.
    """
    chosen: dict[str, Any] = {"original": study.original}
    if not study.pareto().empty:
        chosen["knee"] = design(study, int(study.best().number))
        wanted = dict.fromkeys([*(figure.name for figure in study.objectives), "accuracy"])
        for name in (name for name in wanted if name in study.figures):
            chosen[f"best-{name}"] = design(study, int(study.best(name).number))
    return chosen


def design(study: Study, number: int) -> dict[str, Any]:
    """Return a finished trial's tables, design and figures as plain values."""
    attrs = study.trials_in()[number].user_attrs
    return {
        "trial": number,
        "figures": {name: attrs[name] for name in study.figures},
        "tables": attrs["tables"],
        "design": attrs["design"],
    }


def drawn(figure: matplotlib.figure.Figure, kind: str) -> bytes:
    """Return a figure as a file's content: png, svg or pdf."""
    undated = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "neuralmatrix"}):  # the same study gives the same file
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=undated[kind])
    return buffer.getvalue()
