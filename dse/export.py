"""What a run leaves in its folder beside the database."""

from __future__ import annotations

import io
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from dse.drawn import drawn
from dse.files import write_whole
from dse.plots import labels, pareto_figure
from dse.report import render
from dse.results import Results

RESULTS = ("report.html", "pareto.png", "trials.csv", "trials.parquet", "best.json", "timeloop.csv")
"""The files of results, by their names in the run folder; the last only once a front was verified."""


def write_results(study: Results) -> list[Path]:
    """Write report.html, pareto.png, trials.csv, trials.parquet and best.json, each whole or not.

    Parquet needs pyarrow, the extra `parquet`; without it trials.parquet is left out.
    """
    folder, trials = study.folder, study.trials()
    return [
        write_whole(folder / "report.html", render(study)),
        write_whole(folder / "pareto.png", drawn(pareto_figure(study), "png")),
        write_whole(folder / "trials.csv", trials.to_csv(index=False)),
        *([write_whole(folder / "trials.parquet", parquet(trials))] if has_parquet() else []),
        write_whole(folder / "best.json", json.dumps(best(study), indent=2) + "\n"),
    ]


def has_parquet() -> bool:
    """Whether pyarrow is installed, which writes Parquet: 170 MB that few need."""
    return find_spec("pyarrow") is not None


def parquet(trials: pd.DataFrame) -> bytes:
    """Return a table of trials as a Parquet file's content."""
    buffer = io.BytesIO()
    trials.to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()


def overview(study: Results) -> dict[str, Any]:
    """Return what a run found as plain values, ready for JSON.

    Keys: `study`, `folder`, `objectives`, `trials` (how many in each state), `original` (figures of the
    unconverted network), `front` (each design as `design` gives it, and `knee`, and `label`), and `files`.
    """
    front = study.pareto()
    named = zip(front.number, front.knee, labels(study, front), strict=True)
    return {
        "study": study.name,
        "folder": str(study.folder),
        "objectives": [figure.name for figure in study.objectives],
        "trials": {state: int(count) for state, count in study.trials().state.value_counts().items()},
        "original": study.original,
        "front": [
            {"label": label, "knee": bool(knee), **design(study, int(number))}
            for number, knee, label in named
        ],
        "files": [str(path) for path in written_files(study)],
    }


def written_files(study: Results) -> list[Path]:
    """Return the results that are in the run folder."""
    return [path for name in RESULTS if (path := study.folder / name).exists()]


def best(study: Results) -> dict[str, Any]:
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


def design(study: Results, number: int) -> dict[str, Any]:
    """Return a finished trial's tables, design and figures as plain values."""
    record = study.records()[number]
    return {
        "trial": number,
        "figures": {name: record.metrics[name] for name in study.figures},
        "tables": record.tables,
        "design": record.design,
    }
