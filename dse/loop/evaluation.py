"""One evaluation of a study: what a trial chose, what that costs, and the records that it makes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import optuna
from optuna.trial import Trial

from accel_models import Workload
from dse.directions import DIRECTION
from dse.errors import UserError
from dse.evaluate import Figures, Network, costs
from dse.loop.screen import Screen
from dse.metrics import QUALITY
from dse.record import State, TrialRecord
from dse.space import Candidate, Space
from dse.space.widths import chosen_widths, widths
from dse.study_file import StudyFile


@dataclass
class Evaluation:
    """What is evaluated together: tables, precision, and the designs that are worth recording with them.

    Attributes:
        number: Which of the study's.
        trial: The in-memory study's trial, whose own design is the first; None of one that is completed.
        own: What the trial chose.
        proposal: How it was proposed.
        workload: What the accelerators run.
        designs: Fields and hardware metrics of each.
        started: When it was proposed, s.
        quick: Its score on a share of the data, once there is one.
        losses: How often a worker was lost that scored it.
    """

    number: int
    trial: Trial | None
    own: Candidate
    proposal: str
    workload: Workload | None = None
    designs: Sequence[tuple[Mapping[str, Any], Figures]] = ()
    started: float = field(default_factory=time.monotonic)
    quick: Figures | None = None
    losses: int = 0

    @property
    def precision(self) -> dict[str, Any]:
        """The widths that are scored, completed."""
        return widths(self.designs[0][0])

    def base(self, state: State = "complete") -> TrialRecord:
        """Return what all of its records have in common."""
        return TrialRecord(
            state=state,
            tables=self.own.tables,
            precision=chosen_widths(self.own.design),
            params={} if self.trial is None else self.trial.params,
            proposal=self.proposal,
            evaluation=self.number,
        )


def prepare(found: Evaluation, candidates: Sequence[Candidate], network: Network, config: StudyFile) -> None:
    """Find what its candidates cost.

    Raises:
        TrialPruned: If none can run the network, or one misses a limit on hardware.
    """
    found.workload = candidates[0].workload or network.workload(found.own.tables)
    try:
        known = costs(candidates, found.workload, network.accumulator)
    except ValueError as error:
        raise optuna.TrialPruned(str(error)) from error
    for _, figures in known:
        _check(figures, config)
    found.designs = [(design.to_dict(), figures) for design, figures in known]


def _check(figures: Figures, config: StudyFile) -> None:
    limits = [limit for limit in config.limits if limit.figure not in QUALITY]
    missed = [c for c in limits if c.violation(figures[c.figure.name]) > 0]
    if missed:
        raise optuna.TrialPruned(
            "; ".join(f"{c.figure.name} = {figures[c.figure.name]:.4g}: not {c}" for c in missed)
        )


def scored(found: Evaluation, quality: Figures, space: Space, screen: Screen) -> list[TrialRecord]:
    """Return the records of an evaluation, the trial's own last.

    Of the others those are left out that a finished trial, or one of these, beats or equals.
    """
    own, *others = [_record(found, quality, design, figures, space) for design, figures in found.designs]
    names = [figure.name for figure in space.config.figures]
    screen.learn([own])
    added = []
    for other in others:
        if other.feasible and screen.adds(other.values(names)):
            screen.learn([other])
            added.append(other)
    parts = len(added) + 1
    numbered = [replace(other, part=part, parts=parts, seconds=0.0) for part, other in enumerate(added, 1)]
    own = replace(own, parts=parts, seconds=time.monotonic() - found.started)
    return [_with_workload(record, found, names, screen) for record in (*numbered, own)]


def _record(
    found: Evaluation, quality: Figures, design: Mapping[str, Any], figures: Figures, space: Space
) -> TrialRecord:
    known = {**figures, **quality}
    return replace(
        found.base(),
        design=design,
        metrics={name: value for name, value in known.items() if name != DIRECTION},
        violations={c.figure.name: c.violation(known[c.figure.name]) for c in space.config.limits},
        params=space.params(found.own.tables, design),
        direction=known.get(DIRECTION, ""),
    )


def _with_workload(
    record: TrialRecord, found: Evaluation, names: Sequence[str], screen: Screen
) -> TrialRecord:
    """Add what a report needs to show where cycles and joules go, to what is on the front now."""
    if record.feasible and found.workload is not None and screen.joins_front(record.values(names)):
        return replace(record, workload=found.workload.to_dict())
    return record


def reason(error: BaseException) -> str:
    """Say in one line why a trial ended without metrics."""
    text = " ".join(str(error).split())
    known = isinstance(error, optuna.TrialPruned | UserError | ValueError | TimeoutError)
    return text if known else f"{type(error).__name__}: {text}"
