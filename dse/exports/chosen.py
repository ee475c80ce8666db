"""The design of a study that is exported, by trial number or by what it is best in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accel_models import Design, Gemm, Workload
from dse.errors import UserError

if TYPE_CHECKING:
    from dse.results import Results

BEST: Mapping[str, str | None] = {
    "knee": None,
    "best-accuracy": "accuracy",
    "best-efficiency": "throughput_per_watt",
}
"""What a design can be called instead of its number, and the figure that it is best in; the knee has none."""


@dataclass(frozen=True)
class Chosen:
    """One finished trial.

    Attributes:
        study: Where it is from.
        number: The trial.
        tables: Segments, placement and bias by function.
        design: Its accelerator.
        workload: What that runs.
    """

    study: Results
    number: int
    tables: Mapping[str, Mapping[str, Any]]
    design: Design
    workload: Workload


def choose(study: Results, which: str) -> Chosen:
    """Return a design of a study.

    Args:
        study: The study.
        which: A trial's number, or a key of `BEST`.

    Raises:
        UserError: If there is no such trial, it has not finished, or its workload was not kept.
        ValueError: If no trial is finished yet.
    """
    number = _number(study, which)
    record = study.records()[number]
    if not record.workload:
        front = ", ".join(str(n) for n in study.pareto().number)
        raise UserError(
            f"--design {which}: must be a trial that was on the front when it finished, as {front}"
        )
    design, workload = Design.from_dict(dict(record.design)), record.load_workload()
    return Chosen(study, number, record.tables, design, workload)


def gemms(workload: Workload) -> dict[tuple[int, int, int], list[Gemm]]:
    """Return the products of a workload by their sizes M, N, K, in order of first use."""
    found: dict[tuple[int, int, int], list[Gemm]] = {}
    for op in workload.operations:
        if isinstance(op, Gemm):
            found.setdefault((op.m, op.n, op.k), []).append(op)
    return found


def _number(study: Results, which: str) -> int:
    if which in BEST:
        return int(study.best(BEST[which]).number)
    trials = study.trials()
    done = set(trials[trials.state == "complete"].number)
    if not which.isdecimal() or int(which) not in done:
        known = ", ".join(BEST)
        raise UserError(f"--design {which}: must be the number of a finished trial, or one of {known}")
    return int(which)
