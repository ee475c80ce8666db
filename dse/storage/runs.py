"""How many trials are left to do, for workers that share a run, come and go, and are killed.

Each run adds a number of trials to its study, its tickets. A worker takes a ticket by locking it, and the
ticket is used up by the finished trial that bears it. If the worker is killed its lock is gone, the trial is
not there, and the ticket is taken up by another. So a run adds exactly its number of trials, however many
workers it had or lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial

from dse.storage.kept import KeptStudy
from dse.storage.locks import Locks
from dse.storage.mirror import TICKET

RUNS = "runs"
"""The study's attribute that lists its runs: how many trials each adds to how many, and versions."""


@dataclass
class Run:
    """Trials that are added to a study together.

    Attributes:
        kept: The study.
        locks: Of all processes that work on it.
        number: Which of the study's runs.
        trials: How many it adds.
        before: Trials that the study had, as counted by tickets.
    """

    kept: KeptStudy
    locks: Locks
    number: int
    trials: int
    before: int
    _seen: int = field(default=0, init=False, repr=False)
    _used: set[int] = field(default_factory=set, init=False, repr=False)

    def done(self) -> set[int]:
        """Read the study, and return the tickets that are used up."""
        trials = self.kept.read()
        self._used |= {ticket for run, ticket in _tickets(trials[self._seen :]) if run == self.number}
        self._seen = len(trials)
        return self._used

    @contextmanager
    def take(self) -> Iterator[int | None]:
        """Hold a ticket that nobody else holds; None where all that are left are held by others.

        It is taken to be used up when the context ends without an error.
        """
        for ticket in (ticket for ticket in range(self.trials) if ticket not in self._used):
            name = f"{self.kept.study.study_name}: run {self.number}, ticket {ticket}"
            with self.locks.hold(name, wait=False) as held:
                free = held and ticket not in self.done()
                if free:
                    yield ticket
                    self._used.add(ticket)
                if held:
                    self.locks.forget(name)
                if free:
                    return
        yield None

    @property
    def finished(self) -> bool:
        """Whether all tickets are used up."""
        return len(self.done()) >= self.trials


def begin(kept: KeptStudy, locks: Locks, trials: int, about: dict[str, Any]) -> Run:
    """Begin a run of so many trials."""
    study = kept.study
    with locks.hold(f"{study.study_name}: {RUNS}"):
        runs = list(study.user_attrs.get(RUNS, ()))
        before = len(set(tickets(kept)))
        study.set_user_attr(RUNS, [*runs, {"trials": trials, "before": before, "about": about}])
    return Run(kept, locks, len(runs), trials, before)


def latest(kept: KeptStudy, locks: Locks) -> Run | None:
    """Return the run that was begun last, or None."""
    runs = kept.study.user_attrs.get(RUNS, ())
    return Run(kept, locks, len(runs) - 1, runs[-1]["trials"], runs[-1]["before"]) if runs else None


def tickets(kept: KeptStudy) -> list[tuple[int, int]]:
    """Return run and ticket of each trial that was asked for; other designs of its tables bear none."""
    return _tickets(kept.read())


def _tickets(trials: Iterable[FrozenTrial]) -> list[tuple[int, int]]:
    borne = (trial.user_attrs.get(TICKET) for trial in trials)
    return [(ticket[0], ticket[1]) for ticket in borne if ticket and ticket[2] == 0]
