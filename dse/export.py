"""What a run leaves in its folder beside the database."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from dse.files import write_whole
from dse.pictures import picture
from dse.plots import PLOTS, Asked
from dse.report import render
from dse.results import Snapshot
from dse.results.ratios import of_study, table

RESULTS = (
    "report.html",
    "pareto.png",
    "trials.csv",
    "trials.parquet",
    "best.json",
    "ratios.csv",
    "timeloop.csv",
    "designs",
)
"""The results, by their names in the run folder: timeloop.csv once a front was verified; designs, a folder,
of a study of hardware alone."""


def write_results(study: Snapshot) -> list[str]:
    """Write report.html, pareto.png, ratios.csv, trials.csv, trials.parquet and best.json, each whole or not.

    Each is written whatever becomes of the others. Parquet needs pyarrow, the extra `parquet`; without it
    trials.parquet is left out, and ratios.csv where no platform can be compared with.

    Returns:
        A line for each that could not be made, and why.
    """
    failed = []
    for name, make in _FILES.items():
        try:
            content = make(study)
            if content is not None:
                write_whole(study.folder / name, content)
        except Exception as error:  # a report must not take the trials with it
            failed.append(f"{study.folder / name}: not written: {type(error).__name__}: {error}")
    return failed


def has_parquet() -> bool:
    """Whether pyarrow is installed, which writes Parquet: 170 MB that few need."""
    return find_spec("pyarrow") is not None


def parquet(trials: pd.DataFrame) -> bytes:
    """Return a table of trials as a Parquet file's content."""
    buffer = io.BytesIO()
    trials.to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()


def _ratios(study: Snapshot) -> str | None:
    rows = table(of_study(study))
    return rows.to_csv(index=False) if len(rows) else None


_FILES: Mapping[str, Callable[[Snapshot], str | bytes | None]] = {
    "trials.csv": lambda study: study.trials.to_csv(index=False),
    "trials.parquet": lambda study: parquet(study.trials) if has_parquet() else None,
    "best.json": lambda study: json.dumps(best(study), indent=2) + "\n",
    "ratios.csv": _ratios,
    "pareto.png": lambda study: picture(PLOTS["front"](study, Asked()), "png"),
    "report.html": render,
}
"""Makes each file's content, or nothing where there is none."""


def overview(study: Snapshot) -> dict[str, Any]:
    """Return what a run found as plain values, ready for JSON.

    Keys: `study`, `folder`, `objectives`, `evaluations`, `trials` (designs recorded, by state), `designs`
        (how many were evaluated without being recorded each), `original` (metrics of the unconverted
        network), `references` (known designs), `front` (each design as `design` gives it, and `knee`, and
        `label`), and `files`.
    """
    rows = zip(study.front.number, study.front.knee, strict=True)
    return {
        "study": study.name,
        "folder": str(study.folder),
        "objectives": [metric.name for metric in study.objectives],
        "evaluations": study.evaluations,
        "trials": {state: int(count) for state, count in study.trials.state.value_counts().items()},
        "designs": study.swept,
        "original": dict(study.original),
        "references": list(study.study.references),
        "front": [
            {"label": study.label(int(number)), "knee": bool(knee), **design(study, int(number))}
            for number, knee in rows
        ],
        "files": [str(path) for path in written_files(study)],
    }


def written_files(study: Snapshot) -> list[Path]:
    """Return the results that are in the run folder."""
    return [path for name in RESULTS if (path := study.folder / name).exists()]


def best(study: Snapshot) -> dict[str, Any]:
    """Return the designs to look at first, with all their parameters and metrics.

    Keys: `original`, metrics of the unconverted network; `knee`, and `best-METRIC` for the objectives and
    accuracy, if there is one. Without a finished trial only `original` is there.
    """
    chosen: dict[str, Any] = {"original": dict(study.original)}
    if not study.front.empty:
        chosen["knee"] = design(study, int(study.best().number))
        wanted = dict.fromkeys([*(metric.name for metric in study.objectives), "accuracy"])
        for name in (name for name in wanted if name in study.metrics):
            chosen[f"best-{name}"] = design(study, int(study.best(name).number))
    return chosen


def design(study: Snapshot, number: int) -> dict[str, Any]:
    """Return a finished trial's tables, design and metrics as plain values."""
    own = study.records[number]
    several = {"by_network": own.by_network, "members": own.members} if study.swept else {}
    return {
        "trial": number,
        "figures": {name: own.metrics[name] for name in study.metrics},
        "tables": own.tables,
        "design": own.design,
        **several,
    }
