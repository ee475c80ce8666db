"""What one worker does: it takes tickets of a run, and makes a trial of each, until none is left."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from dse import storage
from dse.directions import DIRECTION
from dse.errors import UserError
from dse.record import attributes, read
from dse.results import Results
from dse.score import Network, Scorer
from dse.search.strategies import strategy
from dse.space.widths import widths
from dse.storage import runs
from dse.storage.memo import Figures
from dse.storage.mirror import TICKET, Mirror
from dse.storage.runs import Run
from dse.worker.attempt import Attempt, Outcome, Scored
from dse.worker.interruption import Interruption
from dse.worker.screen import Screen

PATIENCE_S = 0.2
"""Between two looks at tickets that others hold."""


class Worker:
    """A worker on one run of a study.

    Args:
        study: The study.
        run: Its run.
        network: What is searched.
        number: Tells its random numbers from those of the run's other workers.
    """

    def __init__(self, study: Results, run: Run, network: Network, number: int = 0) -> None:
        self._run, self._space, self._original = run, study.space, study.original
        self._scorer = Scorer(network, study.database.memo)
        self._strategy = strategy(study.config, study.space, network, self._scorer.claim, run.before, number)
        self._mirror = Mirror(run.kept, self._strategy.sampler)
        self._screen = Screen(study.config, self._scorer)
        self._interruption = Interruption()
        self._attempt = Attempt(study.config, self._scorer, self._screen, self._interruption)

    def work(self, on_trial: Callable[[], None] | None = None, trials: int | None = None) -> int:
        """Do trials until the run has all of its own, and return how many.

        Args:
            on_trial: Called after each.
            trials: Do at most so many.

        Raises:
            KeyboardInterrupt: After the trial that it interrupted was recorded.
        """
        made = 0
        with self._interruption.held():
            while made != trials and not _orphaned():
                with self._run.take() as ticket:
                    if ticket is not None:
                        self._trial(ticket)
                if ticket is not None:
                    made += 1
                    if on_trial:
                        on_trial()
                elif self._run.finished:
                    break
                else:
                    time.sleep(PATIENCE_S)
                self._interruption.check()
        return made

    def _trial(self, ticket: int) -> None:
        self._catch_up()
        trial = self._mirror.ask()
        try:
            outcome = self._attempt(
                trial, lambda trial: self._strategy.choose(trial, self._run.before + ticket)
            )
            self._keep(trial, outcome, ticket)
        finally:
            self._scorer.release()  # now that others see the trial
        if isinstance(outcome.error, KeyboardInterrupt):
            raise outcome.error

    def _catch_up(self) -> None:
        for trial in self._mirror.pull():
            self._strategy.learn(trial)
            if trial.state is not TrialState.COMPLETE:
                continue
            own = read(trial)
            figures: Figures = {name: own.metrics[name] for name in self._original}
            if own.direction:  # a network need not tell it
                figures[DIRECTION] = own.direction
            self._scorer.learn(own.tables, widths(own.design), figures)
            if max(trial.constraints.values(), default=0.0) <= 0:
                self._screen.learn(trial.values)

    def _keep(self, trial: Trial, outcome: Outcome, ticket: int) -> None:
        """Write what a trial found, its own design last: only with that is its ticket used up."""
        bearing = [self._run.number, ticket]
        if not outcome.designs:
            self._mirror.keep(trial, outcome.state, None, {"reason": outcome.reason, TICKET: [*bearing, 0]})
            return
        own, *others = outcome.designs
        for part, other in enumerate(others, start=1):
            self._mirror.add(self._whole(other, {TICKET: [*bearing, part]}))
        for name, value in own.constraints.items():
            trial.set_constraint(name, value)
        self._mirror.keep(trial, outcome.state, own.values, {**attributes(own.record), TICKET: [*bearing, 0]})

    def _whole(self, scored: Scored, attrs: Mapping[str, Any]) -> FrozenTrial:
        """Make a finished trial of a design that was scored beside a trial's own."""
        params = self._space.params(scored.record.tables, scored.record.design)
        return create_trial(
            values=list(scored.values),
            params=params,
            distributions=self._space.distributions(params),
            user_attrs={**attributes(scored.record), **attrs},
            constraints=dict(scored.constraints),
        )


def join(study: Results, network: Network, number: int, trials: int | None = None) -> int:
    """Work on a study's latest run until it is done; see `dse.study.Study.join`."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study.check(network)
    with storage.watched(study.database):
        run = runs.latest(study.kept, study.database.locks)
        if run is None:
            raise UserError(
                f"study {study.name}: has no run to join: must be started with `neuralmatrix run`"
            )
        return Worker(study, run, network, number).work(trials=trials)


def _orphaned() -> bool:
    """Whether this process was started by a coordinator that is gone."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()
