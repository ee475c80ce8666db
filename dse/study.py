"""A study that runs: from its study file to trials, on one or many processes."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning

from dse import record, storage
from dse.about import describe
from dse.files import write_whole
from dse.record import StudyRecord
from dse.results import Results
from dse.score import Network, Scorer
from dse.space.widths import widths
from dse.storage import runs
from dse.study_file import StudyFile
from dse.study_file.problems import differences
from dse.worker import Worker, join, pool


class Study(Results):
    """A search: an ordinary Optuna study, what can be asked of it, and how it goes on. See `Results`."""

    @classmethod
    def start(
        cls,
        folder: Path,
        database: storage.Database,
        config: StudyFile,
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
            if not record.is_described(study):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ExperimentalWarning)
                    study.set_metric_names([figure.name for figure in figures])  # for Optuna's tools
                started._describe(config, text, network, lies_in)
        started.check(network)
        if database.file is None:
            where = {"storage": database.address, "study": config.name}
            write_whole(folder / storage.POINTER, json.dumps(where, indent=2) + "\n")
        return started

    def _describe(self, config: StudyFile, text: str, network: Network, lies_in: Path | None) -> None:
        described = StudyRecord(
            study_file=text,
            config=config.content(),
            functions=list(network.functions),
            sites=dict(network.sites),
            fingerprint=network.fingerprint,
            original=network.original,
            certificate=network.certificate,
            inputs=network.inputs,
            about=describe(lies_in),
        )
        record.describe(self.optuna, described)

    def optimize(
        self,
        network: Network,
        trials: int,
        on_trial: Callable[[Study], None] | None = None,
        workers: int = 1,
        make_network: Callable[[StudyFile], Network] | None = None,
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
        return join(self, network, number, trials)

    def latest_done(self) -> bool:
        """Whether the study's latest run has all its trials."""
        run = runs.latest(self.kept, self.database.locks)
        return run is None or run.finished

    def finetune(self, network: Network) -> None:
        """Train the front's networks through their tables, those that were not yet; see `finetuned`."""
        scorer = Scorer(network, self.database.memo)
        found = dict(self.record.finetuned)
        for number in map(int, self.pareto().number):
            if str(number) not in found:
                own = self.records()[number]
                found[str(number)] = scorer.finetuned(own.tables, widths(own.design))
                record.update(self.optuna, finetuned=found)

    def report(self, path: str | Path) -> Path:
        """Write report.html, one self-contained file.

        Args:
            path: The file to write.
        """
        from dse.report import render  # here, since loading it takes longer than opening a study

        return write_whole(Path(path), render(self.snapshot()))


def changes(study: Results, config: StudyFile) -> list[str]:
    """List what a study file changes of the study it would continue; how many trials to add may change."""
    before, now = study.config.content(), config.content()
    return differences(_without_trials(before), _without_trials(now))


def _without_trials(content: Mapping[str, Any]) -> dict[str, Any]:
    search = {name: value for name, value in content["search"].items() if name != "trials"}
    return {**content, "search": search}
