"""One trial: tables and hardware are chosen, scored, and made into what the study keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import optuna
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from accel_models import Workload
from dse.directions import DIRECTION
from dse.errors import UserError
from dse.metrics import QUALITY
from dse.record import TrialRecord
from dse.score import Scorer
from dse.space import Candidate
from dse.space.widths import Widths, chosen_widths, widths
from dse.storage.memo import Figures
from dse.study_file import StudyFile
from dse.worker.interruption import Interruption
from dse.worker.screen import Screen
from dse.worker.timing import time_limit


@dataclass(frozen=True)
class Scored:
    """A design with all its figures.

    Attributes:
        values: The objectives.
        constraints: By which share each limit is missed, by its figure; at most 0 where it is kept to.
        record: What is recorded of it.
    """

    values: tuple[float, ...]
    constraints: Mapping[str, float]
    record: TrialRecord


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        state: Complete, pruned or failed.
        designs: What it found, the trial's own first.
        reason: Why it found nothing, in a line.
        error: What the reason comes from.
    """

    state: TrialState
    designs: tuple[Scored, ...] = ()
    reason: str = ""
    error: BaseException | None = field(default=None, repr=False)


class Attempt:
    """Runs trials of one study.

    Args:
        config: The study file.
        scorer: Scores what is chosen.
        screen: Says which tables could join the front.
        interruption: Ends the scoring when a signal comes.
    """

    def __init__(self, config: StudyFile, scorer: Scorer, screen: Screen, interruption: Interruption) -> None:
        self._config, self._scorer, self._screen = config, scorer, screen
        self._interruption = interruption

    def __call__(self, trial: Trial, choose: Callable[[Trial], list[Candidate]]) -> Outcome:
        """Choose and score; whatever goes wrong is an outcome too, but for a storage that is lost."""
        try:
            with time_limit(self._config.search.time_limit):
                return Outcome(TrialState.COMPLETE, tuple(self._score(choose(trial))))
        except optuna.TrialPruned as pruned:
            return Outcome(TrialState.PRUNED, reason=reason(pruned), error=pruned)
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError):
            raise
        except (Exception, KeyboardInterrupt) as error:
            return Outcome(TrialState.FAIL, reason=reason(error), error=error)

    def _score(self, candidates: Sequence[Candidate]) -> list[Scored]:
        tables = candidates[0].tables
        workload = candidates[0].workload or self._scorer.network.workload(tables)
        costs = self._costs(candidates, workload)
        chosen = widths(costs[0][0])
        with self._interruption.at_once():
            self._screen.check(tables, chosen, [figures for _, figures in costs])
            quality = self._scorer.quality(tables, chosen)
        precision = chosen_widths(candidates[0].design)
        return [self._scored(tables, precision, workload, design, own | quality) for design, own in costs]

    def _costs(
        self, candidates: Sequence[Candidate], workload: Workload
    ) -> list[tuple[dict[str, Any], Figures]]:
        try:
            costs = self._scorer.costs(candidates, workload)
        except ValueError as error:
            raise optuna.TrialPruned(str(error)) from error
        for _, figures in costs:
            self._check(figures)
        return [(design.to_dict(), figures) for design, figures in costs]

    def _check(self, figures: Figures) -> None:
        """Prune a design that misses a limit on hardware."""
        missed = [
            c
            for c in self._config.limits
            if c.figure not in QUALITY and c.violation(figures[c.figure.name]) > 0
        ]
        if missed:
            raise optuna.TrialPruned(
                "; ".join(f"{c.figure.name} = {figures[c.figure.name]:.4g}: not {c}" for c in missed)
            )

    def _scored(
        self, tables: Any, precision: Widths, workload: Workload, design: dict[str, Any], figures: Figures
    ) -> Scored:
        values = tuple(figures[figure.name] for figure in self._config.figures)
        constraints = {c.figure.name: c.violation(figures[c.figure.name]) for c in self._config.limits}
        record = TrialRecord(
            tables=tables,
            precision=precision,
            design=design,
            metrics={name: value for name, value in figures.items() if name != DIRECTION},
            violations=constraints,
            direction=figures.get(DIRECTION, ""),
        )
        if record.feasible and self._screen.joins_front(values):
            # what a report needs to show where cycles and joules go
            record = replace(record, workload=workload.to_dict())
        return Scored(values, constraints, record)


def reason(error: BaseException) -> str:
    """Say in one line why a trial ended without figures."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    text = " ".join(str(error).split())
    known = isinstance(error, optuna.TrialPruned | UserError | ValueError | TimeoutError)
    return text if known else f"{type(error).__name__}: {text}"
