"""The design of a study that is exported, by trial number or by what it is best in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accel_models import Design, Gemm, Workload
from dse.errors import UserError
from dse.record import TrialRecord
from dse.results import Snapshot

BEST: Mapping[str, str | None] = {
    "knee": None,
    "best-accuracy": "accuracy",
    "best-efficiency": "throughput_per_watt",
}
"""What a design can be called instead of its number, and the metric that it is best in; the knee has none."""


@dataclass(frozen=True)
class Chosen:
    """One finished trial.

    Attributes:
        study: Where it is from.
        record: The trial.
        design: Its accelerator.
        workloads: What that runs, by network.
    """

    study: Snapshot
    record: TrialRecord
    design: Design
    workloads: Mapping[str, Workload]

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.record.number

    @property
    def tables(self) -> Mapping[str, Mapping[str, Any]]:
        """Segments, placement and bias by function; empty of a study that searches none."""
        return self.record.tables

    @property
    def workload(self) -> Workload:
        """What the accelerator runs; of several networks, one after the other."""
        works = list(self.workloads.values())
        if len(works) == 1:
            return works[0]
        return Workload([op for work in works for op in work.operations])


def choose(study: Snapshot, which: str) -> Chosen:
    """Return a design of a study.

    Args:
        study: The study.
        which: A trial's number, or a key of `BEST`.

    Raises:
        UserError: If there is no such trial, it has not finished, or its workload was not recorded.
        ValueError: If no trial is finished yet.
    """
    own = study.records[_number(study, which)]
    workloads = study.workloads(own)
    if not workloads:
        front = ", ".join(str(n) for n in study.front.number)
        raise UserError(
            f"--design {which}: must be a trial that was on the front when it finished, as {front}"
        )
    return Chosen(study, own, Design.from_dict(dict(own.design)), workloads)


def gemms(workload: Workload) -> dict[tuple[int, int, int], list[Gemm]]:
    """Return the products of a workload by M, N and K, whatever their widths, in order of first use."""
    found: dict[tuple[int, int, int], list[Gemm]] = {}
    for op in workload.operations:
        if isinstance(op, Gemm):
            found.setdefault((op.m, op.n, op.k), []).append(op)
    return found


def _number(study: Snapshot, which: str) -> int:
    if which in BEST:
        if (metric := BEST[which]) and metric not in study.metrics:
            raise UserError(f"--design {which}: no trial of {study.folder} has {metric}")
        return int(study.best(metric).number)
    done = set(study.done.number)
    if not which.isdecimal() or int(which) not in done:
        known = ", ".join(BEST)
        raise UserError(f"--design {which}: must be the number of a finished trial, or one of {known}")
    return int(which)
