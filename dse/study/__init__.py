"""A study: an Optuna study in a run folder, and what can be asked of it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from dse import pareto, storage
from dse.about import describe
from dse.config import StudyConfig
from dse.config.problems import differences
from dse.errors import NoStudyError, UserError
from dse.figures import FIGURES, HARDWARE, Figure
from dse.files import write_whole
from dse.score import Network, Scorer
from dse.search.strategies import TABLES
from dse.space import Space
from dse.space.widths import widths
from dse.storage import runs
from dse.storage.kept import KeptStudy
from dse.storage.memo import Figures
from dse.worker import Worker, pool
from dse.worker.attempt import REASON

DESCRIBED = "about"
"""The attribute that is written last of those that describe a study: it says that the others are there."""

INPUTS = "inputs"
"""The attribute with where tables are fitted, by function; see `dse.score.Network`. Older studies lack it."""

FINETUNED = "finetuned"
"""The attribute with the figures of the front's networks after training, by trial."""


class Study:
    """A search: an ordinary Optuna study, and what can be asked of it.

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
    def open(cls, folder: str | Path) -> Study:
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
    def load(cls, database: storage.Database, name: str, folder: Path = Path()) -> Study:
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

    @classmethod
    def start(
        cls,
        folder: Path,
        database: storage.Database,
        config: StudyConfig,
        text: str,
        network: Network,
        lies_in: Path | None = None,
    ) -> Study:
        """Make a study, or open the one that is there to continue it.

        Args:
            folder: The run folder.
            database: Where trials are kept.
            config: The study file.
            text: The same as it was written.
            network: What is searched.
            lies_in: The study file's folder, whose commit is noted.

        Raises:
            UserError: If its database cannot be read, or the one there is of another network.
        """
        figures = config.figures
        with database.locks.hold(f"{config.name}: start"):
            study = optuna.create_study(
                study_name=config.name,
                storage=database.optuna,
                directions=[figure.direction for figure in figures],
                load_if_exists=True,
            )
            started = cls(folder, study, database)
            if DESCRIBED not in study.user_attrs:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ExperimentalWarning)
                    study.set_metric_names([figure.name for figure in figures])  # for Optuna's tools
                started._describe(config, text, network, lies_in)
        started.check(network)
        if database.file is None:
            where = {"storage": database.address, "study": config.name}
            write_whole(folder / storage.POINTER, json.dumps(where, indent=2) + "\n")
        return started

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

    def _describe(self, config: StudyConfig, text: str, network: Network, lies_in: Path | None) -> None:
        described = {
            "study_file": text,
            "config": config.content(),
            "functions": list(network.functions),
            "sites": dict(network.sites),
            "fingerprint": network.fingerprint,
            "original": network.original,
            "certificate": network.certificate,
            INPUTS: network.inputs,
            DESCRIBED: describe(lies_in),
        }
        for key, value in described.items():
            self.optuna.set_user_attr(key, value)

    @cached_property
    def kept(self) -> KeptStudy:
        """The study for those who work on it."""
        return KeptStudy(self.optuna, self.database.writer)

    @property
    def name(self) -> str:
        """The study's name."""
        return self.optuna.study_name

    @cached_property
    def config(self) -> StudyConfig:
        """The study file's fields."""
        return StudyConfig.model_validate(self.optuna.user_attrs["config"])

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

    def optimize(
        self,
        network: Network,
        trials: int,
        on_trial: Callable[[Study], None] | None = None,
        workers: int = 1,
        make_network: Callable[[StudyConfig], Network] | None = None,
    ) -> None:
        """Run some trials more.

        A trial that fails is recorded with its reason, and the study goes on. Tables that were scored before,
        by any study with the same network, are not scored again.

        Args:
            network: What is searched.
            trials: How many to add.
            on_trial: Called after each.
            workers: Processes that do it; one is this one.
            make_network: Makes the network in each of several processes.

        Raises:
            StorageLostError: If the database goes away.
            KeyboardInterrupt: When a signal came, after what was finished is stored.
        """
        tell = (lambda: on_trial(self)) if on_trial else (lambda: None)
        with storage.watched(self.database):
            run = runs.begin(self.kept, self.database.locks, trials, describe())
            if workers == 1 or make_network is None:
                Worker(self, run, network).work(tell)
            else:
                pool.work(self, run, workers, make_network, tell)

    def join(self, network: Network, number: int, trials: int | None = None) -> int:
        """Work on the study's latest run until it is done, and return how many trials that were.

        Args:
            network: What is searched; must be the study's.
            number: Tells this worker's random numbers from others'.
            trials: Do at most so many.

        Raises:
            UserError: If the network is another, or the study has no run.
            StorageLostError: If the database goes away.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.check(network)
        with storage.watched(self.database):
            run = runs.latest(self.kept, self.database.locks)
            if run is None:
                raise UserError(
                    f"study {self.name}: has no run to join: must be started with `neuralmatrix run`"
                )
            return Worker(self, run, network, number).work(trials=trials)

    def latest_done(self) -> bool:
        """Whether the study's latest run has all its trials."""
        run = runs.latest(self.kept, self.database.locks)
        return run is None or run.finished

    def finetune(self, network: Network) -> None:
        """Train the front's networks through their tables, those that were not yet; see `finetuned`."""
        scorer = Scorer(network, self.database.memo)
        found = dict(self.optuna.user_attrs.get(FINETUNED, {}))
        for number in map(int, self.pareto().number):
            if str(number) not in found:
                attrs = self.trials_in()[number].user_attrs
                found[str(number)] = scorer.finetuned(attrs[TABLES], widths(attrs["design"]))
                self.optuna.set_user_attr(FINETUNED, found)

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

    def report(self, path: str | Path) -> Path:
        """Write report.html, one self-contained file.

        Args:
            path: The file to write.
        """
        from dse.files import write_whole
        from dse.report import render

        return write_whole(Path(path), render(self))


def changes(study: Study, config: StudyConfig) -> list[str]:
    """List what a study file changes of the study it would continue; how many trials to add may change."""
    before, now = study.config.content(), config.content()
    return differences(_without_trials(before), _without_trials(now))


def _without_trials(content: Mapping[str, Any]) -> dict[str, Any]:
    search = {name: value for name, value in content["search"].items() if name != "trials"}
    return {**content, "search": search}


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
