"""The Pareto front scored again by another model, beside the study and without touching it.

The result is a table in the run folder, timeloop.csv, which the report reads. A row a design, with three
figures each for latency, energy and throughput per watt:

- `model_FIGURE`: the study's own
- `terms_FIGURE`: our model on Timeloop's terms (see `accel_models.backends.timeloop.conventions`)
- `timeloop_FIGURE`: Timeloop's
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pandas as pd

from accel_models import CostReport, Design, evaluate
from accel_models.backends.timeloop import TimeloopError, find, on_timeloops_terms
from dse.errors import UserError
from dse.files import write_whole
from dse.metrics import METRICS
from dse.results import Results
from dse.written import written

BACKENDS = ("timeloop",)
FILE = "timeloop.csv"
COMPARED = ("latency_s", "energy_j", "throughput_per_watt")
MODELS = ("model", "terms", "timeloop")
COLUMNS = ["number", *(f"{model}_{name}" for name in COMPARED for model in MODELS), "notes", "reason"]


def check(backend: str) -> None:
    """Refuse, before any work, a backend that is unknown or not installed.

    Raises:
        UserError: One line that says what is missing.
    """
    if backend not in BACKENDS:
        raise UserError(f"--verify {backend}: must be {' or '.join(BACKENDS)}")
    try:
        find(needs=("timeloop-model",))
    except TimeloopError as error:
        raise UserError(f"--verify {backend}: {error.line}") from None


def verify(study: Results, on_design: Callable[[int, int, int], None] | None = None) -> pd.DataFrame:
    """Score a study's front with Timeloop and write the table into the run folder.

    A design that Timeloop gives no result for keeps its place, with the reason and the end of the log.

    Args:
        study: The study; nothing in it is changed.
        on_design: Called before each design with its trial's number, its place and how many there are.

    Returns:
        The table, see this module.
    """
    numbers = [int(number) for number in study.pareto().number]
    rows = []
    for place, number in enumerate(numbers, start=1):
        if on_design:
            on_design(number, place, len(numbers))
        rows.append(_row(study, number))
    table = pd.DataFrame(rows, columns=COLUMNS)
    text = io.StringIO()
    table.to_csv(text, index=False)
    write_whole(study.folder / FILE, text.getvalue())
    return table


def load(study: Results) -> pd.DataFrame | None:
    """Return the table of the last verification; None if there is none, or it is not one of ours."""
    try:
        table = pd.read_csv(study.folder / FILE, keep_default_na=True)
    except (OSError, ValueError):
        return None
    return table if list(table.columns) == COLUMNS else None


def verified(study: Results) -> dict[int, dict[str, Any]]:
    """Return what a report shows of the last verification, by trial; empty if there is none.

    Each has the figures as text by name and model (`figures`), the differences of Timeloop to the study
    (`difference`) and to our model on its terms (`counting`), notes, and the reason where there is no result.
    """
    table = load(study)
    if table is None:
        return {}
    return {int(row["number"]): _shown(row) for row in table.to_dict("records")}


def _row(study: Results, number: int) -> dict[str, Any]:
    record = study.records()[number]
    design, workload = Design.from_dict(dict(record.design)), record.load_workload()
    row: dict[str, Any] = {"number": number, **_figures("model", evaluate(design, workload))}
    try:
        row |= _figures("terms", evaluate(*on_timeloops_terms(design, workload)))
        counted = evaluate(design, workload, backend="timeloop")
    except (TimeloopError, ValueError) as error:
        return row | {"reason": str(error)}
    return row | _figures("timeloop", counted) | {"notes": "; ".join(counted.notes)}


def _figures(model: str, report: CostReport) -> dict[str, float]:
    return {f"{model}_{name}": float(getattr(report, name)) for name in COMPARED}


def _shown(row: dict[Any, Any]) -> dict[str, Any]:
    figures = {
        name: {model: written(METRICS[name], row[f"{model}_{name}"]) for model in MODELS} for name in COMPARED
    }
    return {
        "figures": figures,
        "difference": {name: _difference(row, name, "model") for name in COMPARED},
        "counting": {name: _difference(row, name, "terms") for name in COMPARED},
        "notes": _text(row["notes"]).split("; "),
        "reason": _text(row["reason"]),
    }


def _difference(row: dict[Any, Any], name: str, model: str) -> str:
    value = row[f"timeloop_{name}"] / row[f"{model}_{name}"] - 1
    return f"{value:+.1%}" if value == value else "no result"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
