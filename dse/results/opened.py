"""A study that is open, for those who work on it; what it found is asked of its snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import optuna
import pandas as pd

from dse import record, storage
from dse.metrics import Metric
from dse.record import StudyRecord, TrialRecord
from dse.results import opening
from dse.results.snapshot import Snapshot
from dse.space import Space
from dse.study_file import StudyFile


class Results:
    """A study and its trials as Optuna has them; `dse.study.Study` is the one that runs.

    Attributes:
        folder: The run folder; its results are written there.
        optuna: The Optuna study, for everything that Optuna and its tools can do with one.
        database: Where it is kept.
    """

    def __init__(self, folder: Path, study: optuna.Study, database: storage.Database) -> None:
        self.folder = folder
        self.optuna = study
        self.database = database
        self._records: list[TrialRecord] = []
        self._live = False  # whether this process writes them, and so need not read them

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open the study of a run folder, wherever it is kept.

        Raises:
            NoStudyError: If there is none.
            UserError: If its database cannot be read.
        """
        return cls(Path(folder), *opening.of_folder(Path(folder)))

    @classmethod
    def load(cls, database: storage.Database, name: str, folder: Path = Path()) -> Self:
        """Open a study in a database.

        Raises:
            NoStudyError: If there is none of this name.
        """
        return cls(folder, opening.named(database, name), database)

    @property
    def record(self) -> StudyRecord:
        """What the study is of, as it is recorded now."""
        return record.read_study(self.optuna, self.database.address)

    @cached_property
    def _described(self) -> StudyRecord:
        """The same as it was when first asked for: most of it never changes."""
        return self.record

    @property
    def name(self) -> str:
        """The study's name."""
        return self.optuna.study_name

    @cached_property
    def config(self) -> StudyFile:
        """The study file's fields."""
        return StudyFile.model_validate(self.record.config)

    @property
    def original(self) -> Mapping[str, float]:
        """Quality metrics of the unconverted network."""
        return self._described.original

    @cached_property
    def objectives(self) -> tuple[Metric, ...]:
        """The two or three figures that are traded off."""
        return self.config.figures

    @cached_property
    def space(self) -> Space:
        """The search space."""
        return Space(self.config, tuple(self._described.functions), self._described.sites)

    def records(self) -> list[TrialRecord]:
        """Return the records of all trials, by number."""
        if not self._live:
            while self._records and self._records[-1].state in ("running", "waiting"):
                self._records.pop()
            trials = self.optuna.get_trials(deepcopy=False)
            self._records += [record.read(trial) for trial in trials[len(self._records) :]]
        return list(self._records)

    def snapshot(self) -> Snapshot:
        """Return the study as it is now: what reports, plots and exports are made from."""
        return Snapshot.of(self.folder, self.name, self.record, self.records())

    def trials(self) -> pd.DataFrame:
        """Return all trials, a row each; see `dse.results.tables.trials`."""
        return self.snapshot().trials

    def pareto(self) -> pd.DataFrame:
        """Return the trials that no other beats; see `dse.results.tables.front`."""
        return self.snapshot().front

    def best(self, metric: str | None = None) -> pd.Series[Any]:
        """Return the trial that is best in a metric, or the front's knee; see `Snapshot.best`."""
        return self.snapshot().best(metric)

    def finetuned(self) -> pd.DataFrame:
        """Return the quality metrics of networks after training through their tables, by trial number."""
        return self.snapshot().finetuned()

    def _repr_html_(self) -> str:
        """Show the front as a table in a notebook."""
        return str(self.pareto().dropna(axis="columns", how="all").to_html(index=False))
