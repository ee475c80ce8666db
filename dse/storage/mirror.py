"""A study in memory beside the one that is kept: the one suggests, the other gets whole trials.

Optuna writes each suggestion of a running trial to its storage, 60 to 90 ms of work for a dozen parameters,
and a killed process leaves the trial behind half done. Here a trial runs in memory. When it ends, the kept
study gets it whole, in one transaction: it is there, once and complete, or it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

TICKET = "ticket"
"""The attribute that says which trial of which run this is: [run, trial, part]; see `dse.storage.runs`."""


class Mirror:
    """A kept study and its copy in memory.

    Args:
        kept: Gets finished trials.
        sampler: Makes suggestions; knows the finished trials of all workers.
    """

    def __init__(self, kept: optuna.Study, sampler: BaseSampler) -> None:
        self._kept = kept
        self._memory = optuna.create_study(directions=kept.directions, sampler=sampler)
        self._seen = 0
        self._own: set[tuple[int, ...]] = set()

    def pull(self) -> Iterator[FrozenTrial]:
        """Copy what other workers finished since, and return everything that is new in the kept study."""
        trials = self._kept.get_trials(deepcopy=False)
        for trial in trials[self._seen :]:
            if tuple(trial.user_attrs.get(TICKET, ())) not in self._own:
                self._memory.add_trial(trial)
            yield trial
        self._seen = len(trials)

    def ask(self) -> Trial:
        """Begin a trial, in memory."""
        return self._memory.ask()

    def keep(
        self, trial: Trial, state: TrialState, values: Sequence[float] | None, attrs: Mapping[str, Any]
    ) -> None:
        """End a trial and write it, with all its attributes."""
        for key, value in attrs.items():
            trial.set_user_attr(key, value)
        self._memory.tell(trial, values, state=state)
        self._write(self._memory.get_trials(deepcopy=False)[trial.number])

    def add(self, trial: FrozenTrial) -> None:
        """Write a finished trial that was not asked for."""
        self._memory.add_trial(trial)
        self._write(trial)

    def _write(self, trial: FrozenTrial) -> None:
        self._own.add(tuple(trial.user_attrs[TICKET]))
        self._kept.add_trial(trial)
