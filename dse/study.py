"""A study: an Optuna study in a run folder, and what can be asked of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, Trial, TrialState

from dse import nested, pareto, storage
from dse.about import describe
from dse.config import StudyConfig
from dse.errors import NoStudyError
from dse.figures import FIGURES, HARDWARE, Figure
from dse.interruption import Interruption
from dse.problems import differences
from dse.samplers import fixing, make
from dse.score import Figures, Network, Scorer, cost_figures, memo_key
from dse.space import Candidate, Space
from dse.widths import widths

DESCRIBED = "about"
"""The attribute that is written last of those that describe a study: it says that the others are there."""

REASON = "reason"
NO_REASON = "its process ended before it did"


class Study:
    """A search in its run folder: an ordinary Optuna study, and what can be asked of it.

    Attributes:
        folder: The run folder.
        optuna: The Optuna study, for everything that Optuna and its tools can do with one.
    """

    def __init__(self, folder: Path, study: optuna.Study) -> None:
        self.folder = folder
        self.optuna = study

    @classmethod
    def open(cls, folder: str | Path) -> Study:
        """Open the study of a run folder.

        Raises:
            NoStudyError: If there is none.
            UserError: If its database cannot be read.
        """
        folder = Path(folder)
        database = folder / storage.FILE
        if not database.exists():
            raise NoStudyError(f"{database}: no such file: must be the folder of a study that was run")
        opened = storage.open_sqlite(database)
        names = optuna.get_all_study_names(opened)
        found = optuna.load_study(study_name=names[0], storage=opened) if names else None
        if found is None or DESCRIBED not in found.user_attrs:
            raise NoStudyError(f"{database}: holds no study yet")
        return cls(folder, found)

    @classmethod
    def start(cls, folder: Path, config: StudyConfig, text: str, network: Network) -> Study:
        """Make a study in a run folder, or open the one that is there to continue it.

        Raises:
            UserError: If its database cannot be read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        figures = [FIGURES[name] for name in config.search.objectives]
        study = optuna.create_study(
            study_name=config.name,
            storage=storage.open_sqlite(folder / storage.FILE),
            directions=["maximize" if figure.better == "higher" else "minimize" for figure in figures],
            load_if_exists=True,
        )
        started = cls(folder, study)
        if DESCRIBED not in study.user_attrs:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", ExperimentalWarning
                )  # names of the objectives, for Optuna's tools
                study.set_metric_names([figure.name for figure in figures])
            started._describe(config, text, network)
        return started

    def _describe(self, config: StudyConfig, text: str, network: Network) -> None:
        described = {
            "study_file": text,
            "config": config.content(),
            "functions": list(network.functions),
            "original": network.original,
            "certificate": network.certificate,
            DESCRIBED: describe(),
        }
        for key, value in described.items():
            self.optuna.set_user_attr(key, value)

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
    def objectives(self) -> tuple[Figure, Figure]:
        """The two figures that are traded off."""
        return self.config.figures

    @cached_property
    def space(self) -> Space:
        """The search space."""
        return Space(self.config, tuple(self.optuna.user_attrs["functions"]))

    def optimize(
        self, network: Network, trials: int, on_trial: Callable[[Study], None] | None = None
    ) -> None:
        """Run some trials more.

        A trial that fails is recorded with its reason, and the study goes on. Tables that an earlier trial
        was scored with are not scored again.

        Args:
            network: What is searched.
            trials: How many to add.
            on_trial: Called after each.

        Raises:
            KeyboardInterrupt: When a signal came, after what was finished is stored.
        """
        search, so_far = self.config.search, len(self.trials_in())
        self.optuna.sampler = make(search.sampler, search.seed, so_far)
        scorer = Scorer(network, self._known())
        suggest = self._suggest_with(network)
        with Interruption().held() as interruption:
            callbacks = [lambda *_: on_trial(self)] if on_trial else []
            self.optuna.optimize(
                _Objective(self, suggest, scorer, interruption),
                n_trials=trials,
                catch=(Exception,),
                callbacks=[*callbacks, lambda *_: interruption.check()],
            )

    def _suggest_with(self, network: Network) -> Callable[[Trial], Candidate]:
        """The strategy's way to make a candidate; the first trials get the plain choices."""
        suggest, plain = self._strategy(network), self.space.plain()

        def suggest_plain_first(trial: Trial) -> Candidate:
            with fixing(trial, plain[trial.number] if trial.number < len(plain) else {}):
                return suggest(trial)

        return suggest_plain_first

    def _strategy(self, network: Network) -> Callable[[Trial], Candidate]:
        if self.config.search.strategy == "joint":
            return self.space.suggest
        figure = nested.check(self.space.design_axes, self.objectives)
        return lambda trial: nested.suggest(trial, self.space, network, figure)

    def trials_in(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the trials in some states, or all."""
        return self.optuna.get_trials(deepcopy=False, states=states or None)

    def _known(self) -> dict[str, Figures]:
        done = (trial.user_attrs for trial in self.trials_in(TrialState.COMPLETE))
        return {
            memo_key(attrs["tables"], widths(attrs["design"])): {name: attrs[name] for name in self.original}
            for attrs in done
        }

    def points(self) -> pareto.Points:
        """Return the objectives of the finished trials, (trials, 2), signed so that higher is better."""
        values = [trial.values for trial in self.trials_in(TrialState.COMPLETE)]
        return np.array(values, dtype=float).reshape(-1, 2) * [figure.sign for figure in self.objectives]

    def hypervolume(self, finished: int | None = None) -> float:
        """Return what the first so many finished trials, or all, dominate above the worst values of all."""
        points = self.points()
        return pareto.hypervolume(points[:finished], points.min(axis=0, initial=np.inf))

    def trials(self) -> pd.DataFrame:
        """Return all trials, a row each: number, state, figures, parameters, seconds and, if any, reason."""
        return pd.DataFrame([_row(trial) for trial in self.trials_in()], columns=self._columns())

    def _columns(self) -> list[str]:
        return ["number", "state", *self.figures, *self.space.searched, "seconds", REASON]

    def pareto(self) -> pd.DataFrame:
        """Return the trials that no other beats, best in the first objective first; of equal ones one.

        Columns as in `trials`, and `knee`, true for the one that `dse.pareto.knee` chooses.
        """
        trials = self.trials()
        done = trials[trials.state == "complete"]
        signs = [figure.sign for figure in self.objectives]
        names = [figure.name for figure in self.objectives]
        front = done[pareto.non_dominated(done[names].to_numpy(float) * signs)]
        front = front.drop_duplicates(names).sort_values(names[0], ascending=signs[0] < 0, ignore_index=True)
        chosen = pareto.knee(front[names].to_numpy(float) * signs) if len(front) else -1
        return front.assign(knee=front.index == chosen)

    def best(self, metric: str | None = None) -> pd.Series[Any]:
        """Return the finished trial that is best in a figure, or the front's knee.

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
        done = trials[trials.state == "complete"]
        return done.iloc[int((done[metric] * FIGURES[metric].sign).argmax())]

    def report(self, path: str | Path) -> Path:
        """Write report.html, one self-contained file.

        Args:
            path: The file to write.
        """
        from dse.files import write_whole
        from dse.report import render

        return write_whole(Path(path), render(self))


class _Objective:
    """Scores what a trial suggests, and records everything about it with the trial."""

    def __init__(
        self,
        study: Study,
        suggest: Callable[[Trial], Candidate],
        scorer: Scorer,
        interruption: Interruption,
    ) -> None:
        self._study, self._suggest, self._scorer = study, suggest, scorer
        self._interruption = interruption

    def __call__(self, trial: Trial) -> Sequence[float]:
        try:
            return self._score(trial, self._suggest(trial))
        except BaseException as error:  # Ctrl-C too: the reason stays with the trial
            trial.set_user_attr(REASON, reason(error))
            raise

    def _score(self, trial: Trial, candidate: Candidate) -> Sequence[float]:
        try:
            design, workload, report = self._scorer.cost(candidate)
        except ValueError as error:
            raise optuna.TrialPruned(str(error)) from error
        with self._interruption.at_once():
            quality = self._scorer.quality(candidate.tables, widths(design.to_dict()))
        figures = cost_figures(report) | quality
        values = [figures[figure.name] for figure in self._study.objectives]
        record: dict[str, Any] = {"tables": candidate.tables, "design": design.to_dict(), **figures}
        if self._joins_front(values):
            record["workload"] = workload.to_dict()  # what a report needs to show where cycles and joules go
        for key, value in record.items():
            trial.set_user_attr(key, value)
        return values

    def _joins_front(self, values: Sequence[float]) -> bool:
        point = np.array(values) * [figure.sign for figure in self._study.objectives]
        others = self._study.points()
        return not ((others >= point).all(axis=1) & (others > point).any(axis=1)).any()


def reason(error: BaseException) -> str:
    """Say in one line why a trial ended without figures."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    text = " ".join(str(error).split())
    return text if isinstance(error, optuna.TrialPruned | ValueError) else f"{type(error).__name__}: {text}"


def changes(study: Study, config: StudyConfig) -> list[str]:
    """List what a study file changes of the study it would continue; how many trials to add may change."""
    before, now = study.optuna.user_attrs["config"], config.content()
    return differences(_without_trials(before), _without_trials(now))


def _without_trials(content: Mapping[str, Any]) -> dict[str, Any]:
    search = {name: value for name, value in content["search"].items() if name != "trials"}
    return {**content, "search": search}


def _row(trial: FrozenTrial) -> dict[str, Any]:
    attrs = trial.user_attrs
    lost = NO_REASON if trial.state is TrialState.FAIL else ""
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        **{name: attrs.get(name, np.nan) for name in FIGURES},
        **trial.params,
        "seconds": trial.duration.total_seconds() if trial.duration else np.nan,
        REASON: attrs.get(REASON, lost),
    }
