"""The study that is kept, and its trials: read where others wrote some, known where this process did."""

from __future__ import annotations

from copy import copy

import optuna
from optuna.trial import FrozenTrial

from dse.storage.whole import TrialWriter


class KeptStudy:
    """A study in a database.

    To read a trial takes Optuna seven statements, 3 to 5 ms of work with a dozen parameters. This process
    need not read what it wrote: while nobody else writes, one statement says that nothing is new.

    Args:
        study: The study.
        writer: Writes to its database.

    Attributes:
        trials: All of its trials when they were last read or written, by number. Not to be changed.
    """

    def __init__(self, study: optuna.Study, writer: TrialWriter) -> None:
        self.study, self._writer = study, writer
        self.trials: list[FrozenTrial] = []
        self._may_change = False

    def read(self) -> list[FrozenTrial]:
        """Return all trials that there are now."""
        if self._may_change or self._writer.count(self.study.study_name) != len(self.trials):
            self.trials = self.study.get_trials(deepcopy=False)
            # Ours are finished when they come; a trial of Optuna's own comes as it begins.
            self._may_change = not all(trial.state.is_finished() for trial in self.trials)
        return self.trials

    def write(self, trial: FrozenTrial) -> None:
        """Add a finished trial, under its next number."""
        written = copy(trial)
        written.number = self._writer.write(self.study.study_name, trial)
        if written.number == len(self.trials):  # else others wrote too, and all are read the next time
            self.trials.append(written)
