"""A study in memory beside the one that is kept: the one suggests, the other gets whole trials.

Optuna writes each suggestion of a running trial to its storage, 60 to 90 ms of work for a dozen parameters,
and a killed process leaves the trial behind half done. Here a trial runs in memory. When it ends, the kept
study gets it whole, in one transaction: it is there, once and complete, or it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from dse.storage.kept import KeptStudy

TICKET = "ticket"
"""The attribute that says which trial of which run this is: [run, trial, part]; see `dse.storage.runs`."""


class Mirror:
    """A kept study and its copy in memory.

    Args:
        kept: Gets finished trials.
        sampler: Makes suggestions; knows the finished trials of all workers.
    """

    def __init__(self, kept: KeptStudy, sampler: BaseSampler) -> None:
        self._kept = kept
        self._memory = optuna.create_study(directions=kept.study.directions, sampler=sampler)
        self._seen = 0
        self._own: set[tuple[int, ...]] = set()

    def pull(self) -> Iterator[FrozenTrial]:
        """Copy what other workers finished, and return all trials that are new since the last time.

        They are those of the kept study when it was last read.
        """
        trials = self._kept.trials
        for trial in trials[self._seen :]:
            if tuple(trial.user_attrs.get(TICKET, ())) not in self._own:
                self._memory.add_trial(_slim(trial))
            yield trial
        self._seen = len(trials)

    def ask(self) -> Trial:
        """Begin a trial, in memory."""
        return self._memory.ask()

    def keep(
        self, trial: Trial, state: TrialState, values: Sequence[float] | None, attrs: Mapping[str, Any]
    ) -> None:
        """End a trial and write it, with all its attributes."""
        self._memory.tell(trial, values, state=state)
        whole = copy(self._memory.get_trials(deepcopy=False)[trial.number])
        whole.user_attrs = {**whole.user_attrs, **attrs}
        self._write(whole)

    def add(self, trial: FrozenTrial) -> None:
        """Write a finished trial that was not asked for."""
        self._memory.add_trial(_slim(trial))
        self._write(trial)

    def _write(self, trial: FrozenTrial) -> None:
        self._own.add(tuple(trial.user_attrs[TICKET]))
        self._kept.write(trial)


def _slim(trial: FrozenTrial) -> FrozenTrial:
    """Return a trial without what samplers do not look at: memory would copy it all."""
    slim = copy(trial)
    slim.user_attrs = {}
    return slim
