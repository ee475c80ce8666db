"""The Pareto front scored again by another model, beside the study and without touching it.

The result is a table in the run folder, timeloop.csv, which the report reads. A row a design and network,
with three metrics each for latency, energy and throughput per watt:

- `model_METRIC`: the study's own
- `terms_METRIC`: our model on Timeloop's terms (`accel_models.backends.timeloop.on_terms`)
- `timeloop_METRIC`: Timeloop's
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from accel_models import CostReport, Design, Workload, evaluate
from accel_models.backends.timeloop import TimeloopError, find, on_terms, uncovered
from accel_models.backends.timeloop.tables import ACCELERGY_FIELDS
from accel_models.checks import did_you_mean
from dse.errors import UserError
from dse.files import write_whole
from dse.formatting import formatted
from dse.metrics import METRICS
from dse.record import TrialRecord
from dse.results.snapshot import Snapshot

BACKENDS = ("timeloop",)
FILE = "timeloop.csv"
COMPARED = ("latency_s", "energy_j", "throughput_per_watt")
MODELS = ("model", "terms", "timeloop")
COLUMNS = [
    "number",
    "network",
    *(f"{model}_{name}" for name in COMPARED for model in MODELS),
    "notes",
    "reason",
]


def check(backend: str, designs: Iterable[Mapping[str, Any]] = (), option: str = "--verify") -> None:
    """Refuse, before any work, a backend that is unknown or lacks a part that designs may need.

    Args:
        backend: Its name.
        designs: Fields of designs; what is left out has its default.
        option: What the user named it with.

    Raises:
        UserError: One line that says what is missing.
    """
    if backend not in BACKENDS:
        hint = did_you_mean(backend, BACKENDS)
        raise UserError(f"{option} {backend}: must be {' or '.join(BACKENDS)}{hint}")
    accelergy = ("accelergy",) if any(map(_asks_accelergy, designs)) else ()
    try:
        find(needs=("timeloop-model", *accelergy))
    except TimeloopError as error:
        raise UserError(f"{option} {backend}: {error.line}") from None


def possible(axes: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Return the designs that a study can come to, by the fields that decide what Timeloop needs."""
    names = [name for name in ACCELERGY_FIELDS if axes.get(name)]
    for values in itertools.product(*(axes[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def front(study: Snapshot) -> list[Mapping[str, Any]]:
    """Return the designs of a study's front."""
    return [study.records[int(number)].design for number in study.front.number]


def _asks_accelergy(design: Mapping[str, Any]) -> bool:
    """Return whether energy of a design is Accelergy's; an accumulator that is left open may have 32 bits."""
    return not uncovered(*({**Design.defaults(), **design}[name] for name in ACCELERGY_FIELDS))


def verify(study: Snapshot, on_design: Callable[[int, int, int], None] | None = None) -> pd.DataFrame:
    """Score a study's front with Timeloop and write the table into the run folder.

    A design that Timeloop gives no result for keeps its place, with the reason and the end of the log.

    Args:
        study: The study; nothing in it is changed.
        on_design: Called before each design with its trial's number, its place and how many there are.

    Returns:
        The table, see this module.
    """
    numbers = [int(number) for number in study.front.number]
    rows = []
    for place, number in enumerate(numbers, start=1):
        if on_design:
            on_design(number, place, len(numbers))
        rows += _rows(study, study.records[number])
    table = pd.DataFrame(rows, columns=COLUMNS)
    text = io.StringIO()
    table.to_csv(text, index=False)
    write_whole(study.folder / FILE, text.getvalue())
    return table


def load(study: Snapshot) -> pd.DataFrame | None:
    """Return the table of the last verification; None if there is none, or it is not one of ours."""
    try:
        table = pd.read_csv(study.folder / FILE, keep_default_na=True)
    except (OSError, ValueError):
        return None
    return table if list(table.columns) == COLUMNS else None


def verified(study: Snapshot) -> list[dict[str, Any]]:
    """Return what a report shows of the last verification, by design and network; empty if there is none.

    Each has `number`, `network`, the metrics as text by name and model (`figures`), the differences of
    Timeloop to the study (`difference`) and to our model on its terms (`counting`), notes, and the reason
    where there is no result.
    """
    table = load(study)
    return [] if table is None else [_shown(row) for row in table.to_dict("records")]


def _rows(study: Snapshot, own: TrialRecord) -> list[dict[str, Any]]:
    design = Design.from_dict(dict(own.design))
    return [
        {"number": own.number, "network": name, **_compared(design, workload)}
        for name, workload in study.workloads(own).items()
    ]


def _compared(design: Design, workload: Workload) -> dict[str, Any]:
    row: dict[str, Any] = _figures("model", evaluate(design, workload))
    try:
        row |= _figures("terms", on_terms(design, workload))
        counted = evaluate(design, workload, backend="timeloop")
    except (TimeloopError, ValueError) as error:
        return row | {"reason": str(error)}
    return row | _figures("timeloop", counted) | {"notes": "; ".join(counted.notes)}


def _figures(model: str, report: CostReport) -> dict[str, float]:
    return {f"{model}_{name}": float(getattr(report, name)) for name in COMPARED}


def _shown(row: dict[Any, Any]) -> dict[str, Any]:
    figures = {
        name: {model: formatted(METRICS[name], row[f"{model}_{name}"]) for model in MODELS}
        for name in COMPARED
    }
    return {
        "number": int(row["number"]),
        "network": row["network"],
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
