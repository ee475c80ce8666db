"""What a study is of and what it found: an Optuna study in a run folder, and what can be asked of it."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from dse import pareto, storage
from dse.errors import NoStudyError, UserError
from dse.figures import FIGURES, HARDWARE, Figure
from dse.score import Network
from dse.space import Space
from dse.storage.kept import KeptStudy
from dse.storage.memo import Figures
from dse.study_file import StudyFile

DESCRIBED = "about"
"""The attribute that is written last of those that describe a study: it says that the others are there."""

INPUTS = "inputs"
"""The attribute with where tables are fitted, by function; see `dse.score.Network`. Older studies lack it."""

REASON = "reason"
"""A trial's attribute: why it ended without figures, in a line."""

FINETUNED = "finetuned"
"""The attribute with the figures of the front's networks after training, by trial."""


class Results:
    """A study and its trials, to be read; `dse.study.Study` is the one that runs.

    Attributes:
        folder: The run folder; its results are written there.
        optuna: The Optuna study, for everything that Optuna and its tools can do with one.
        database: Where it is kept.
    """

    def __init__(self, folder: Path, study: optuna.Study, database: storage.Database) -> None:
        self.folder = folder
        self.optuna = study
        self.database = database

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open the study of a run folder, wherever it is kept.

        Raises:
            NoStudyError: If there is none.
            UserError: If its database cannot be read.
        """
        folder = Path(folder)
        file, pointer = folder / storage.FILE, folder / storage.POINTER
        if not file.exists() and not pointer.exists():
            raise NoStudyError(f"{file}: no such file: must be the folder of a study that was run")
        if pointer.exists():
            return cls.load(
                storage.of_folder(folder), json.loads(pointer.read_text("utf-8"))["study"], folder
            )
        database = storage.open_sqlite(file)
        names = optuna.get_all_study_names(database.optuna)
        if not names:
            raise NoStudyError(f"{file}: holds no study yet")
        return cls.load(database, names[0], folder)

    @classmethod
    def load(cls, database: storage.Database, name: str, folder: Path = Path()) -> Self:
        """Open a study in a database.

        Raises:
            NoStudyError: If there is none of this name.
        """
        if name not in optuna.get_all_study_names(database.optuna):
            there = ", ".join(optuna.get_all_study_names(database.optuna)) or "none"
            raise NoStudyError(f"study = {name}: not in {database.address}, which has {there}")
        found = optuna.load_study(study_name=name, storage=database.optuna)
        if DESCRIBED not in found.user_attrs:
            raise NoStudyError(f"{database.address}: holds no study yet")
        return cls(folder, found, database)

    def check(self, network: Network) -> None:
        """Refuse a network that is not the one that the study was begun with.

        Raises:
            UserError: If weights, data, or the code that scores them differ.
        """
        if self.optuna.user_attrs["fingerprint"] != network.fingerprint:
            raise UserError(
                f"study {self.name}: its trials were scored with other weights, data or code than there are "
                "here: use the same, or --new"
            )

    @cached_property
    def kept(self) -> KeptStudy:
        """The study for those who work on it."""
        return KeptStudy(self.optuna, self.database.writer)

    @property
    def name(self) -> str:
        """The study's name."""
        return self.optuna.study_name

    @cached_property
    def config(self) -> StudyFile:
        """The study file's fields."""
        return StudyFile.model_validate(self.optuna.user_attrs["config"])

    @property
    def original(self) -> Figures:
        """Quality figures of the unconverted network."""
        return dict(self.optuna.user_attrs["original"])

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """The figures that its trials have: of quality those that the network has, and the hardware's."""
        has = {*self.original, *(figure.name for figure in HARDWARE)}
        return {name: figure for name, figure in FIGURES.items() if name in has}

    @cached_property
    def objectives(self) -> tuple[Figure, ...]:
        """The two or three figures that are traded off."""
        return self.config.figures

    @cached_property
    def space(self) -> Space:
        """The search space."""
        return Space(self.config, tuple(self.optuna.user_attrs["functions"]), self.optuna.user_attrs["sites"])

    def finetuned(self) -> pd.DataFrame:
        """Return the quality figures of networks after training through their tables, by trial number."""
        found = self.optuna.user_attrs.get(FINETUNED, {})
        frame = pd.DataFrame(found.values(), index=[int(n) for n in found], columns=list(self.original))
        return frame.rename_axis("number")

    def trials_in(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the trials in some states, or all."""
        return [trial for trial in self.kept.read() if not states or trial.state in states]

    def feasible(self) -> list[FrozenTrial]:
        """Return the finished trials that keep to all constraints."""
        done = self.trials_in(TrialState.COMPLETE)
        return [trial for trial in done if max(trial.constraints.values(), default=0.0) <= 0]

    def points(self) -> pareto.Points:
        """Return the objectives of the feasible trials, (trials, objectives), signed: higher is better."""
        values = [trial.values for trial in self.feasible()]
        signs = [figure.sign for figure in self.objectives]
        return np.array(values, dtype=float).reshape(-1, len(signs)) * signs

    def hypervolume(self, finished: int | None = None) -> float:
        """Return what the first so many finished trials, or all, dominate above the worst values of all."""
        points = self.points()
        return pareto.hypervolume(points[:finished], points.min(axis=0, initial=np.inf))

    def trials(self) -> pd.DataFrame:
        """Return all trials, a row each: number, state, feasible, figures, parameters, seconds, reason."""
        return pd.DataFrame([_row(trial) for trial in self.trials_in()], columns=self._columns())

    def _columns(self) -> list[str]:
        return ["number", "state", "feasible", *self.figures, *self.space.searched, "seconds", REASON]

    def pareto(self) -> pd.DataFrame:
        """Return the feasible trials that no other beats, best in the first objective first, equal ones once.

        Columns as in `trials`, and `knee`, true for the one that `dse.pareto.knee` chooses.
        """
        trials = self.trials()
        done = trials[trials.feasible]
        signs = [figure.sign for figure in self.objectives]
        names = [figure.name for figure in self.objectives]
        front = done[pareto.non_dominated(done[names].to_numpy(float) * signs)]
        front = front.drop_duplicates(names).sort_values(names[0], ascending=signs[0] < 0, ignore_index=True)
        chosen = pareto.knee(front[names].to_numpy(float) * signs) if len(front) else -1
        return front.assign(knee=front.index == chosen)

    def best(self, metric: str | None = None) -> pd.Series[Any]:
        """Return the feasible trial that is best in a figure, or the front's knee.

        Args:
            metric: A name in `figures`; the knee if None.

        Raises:
            ValueError: If there is no such figure, or no finished trial.
        """
        if metric is not None and metric not in self.figures:
            raise ValueError(f"metric = {metric!r}: must be one of {', '.join(self.figures)}")
        front = self.pareto()
        if front.empty:
            raise ValueError(f"{self.folder}: no trial is finished yet")
        if metric is None:
            return front.iloc[int(front.knee.argmax())]
        trials = self.trials()
        done = trials[trials.feasible]
        return done.iloc[int((done[metric] * FIGURES[metric].sign).argmax())]

    def _repr_html_(self) -> str:
        """Show the front as a table in a notebook."""
        return str(self.pareto().dropna(axis="columns", how="all").to_html(index=False))


def _row(trial: FrozenTrial) -> dict[str, Any]:
    attrs = trial.user_attrs
    kept_to = max(trial.constraints.values(), default=0.0) <= 0
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "feasible": trial.state is TrialState.COMPLETE and kept_to,
        **{name: attrs.get(name, np.nan) for name in FIGURES},
        **trial.params,
        "seconds": trial.duration.total_seconds() if trial.duration else np.nan,
        REASON: attrs.get(REASON, ""),
    }
