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
from dse.errors import UserError
from dse.evaluate import ConvertedNetwork, MakeNetwork, Network, ScoreCache, finite, hold
from dse.files import write_whole
from dse.loop import executors
from dse.loop.coordinator import Coordinator
from dse.loop.executors import Executor
from dse.loop.interruption import Interruption
from dse.record import StudyRecord
from dse.results import Results
from dse.space.widths import widths
from dse.study_file import StudyFile
from dse.study_file.problems import differences


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
        started._check(network)
        if database.file is None or database.file.resolve() != (folder / storage.FILE).resolve():
            where = {"storage": database.address, "study": config.name}
            write_whole(folder / storage.POINTER, json.dumps(where, indent=2) + "\n")
        return started

    def _check(self, network: Network) -> None:
        """Refuse a network that is not the one that the study was begun with."""
        if self.record.fingerprint != network.fingerprint:
            raise UserError(
                f"study {self.name}: its trials were scored with other weights, data or code than there are "
                "here: use the same, or --new"
            )

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
        evaluations: int,
        on_trial: Callable[[Study], None] | None = None,
        *,
        workers: int = 1,
        cluster: str | None = None,
        executor: Executor | None = None,
        make_network: MakeNetwork = ConvertedNetwork,
        say: Callable[[str], None] | None = None,
    ) -> int:
        """Make some evaluations more, and return how many they were.

        A trial that fails is recorded with its reason, and the study goes on. Tables that were scored before,
        by any study with the same network, are not scored again.

        Args:
            network: What is searched.
            evaluations: How many; fewer are made where all that is proposed is in the study.
            on_trial: Called after each.
            workers: Processes that score; one is this one.
            cluster: The address of a Dask scheduler whose workers score instead.
            executor: Scores in place of either.
            make_network: Makes the network in other processes; a function of a module.
            say: Told, in a line, what the run has to do without.

        Raises:
            StorageLostError: If the database goes away.
            ClusterLostError: If the scheduler does.
            KeyboardInterrupt: When a signal came, after what was finished is stored.
        """
        interruption = Interruption()
        hold(network)
        executor = executor or executors.executor(workers, cluster, interruption)
        with storage.watched(self.database):
            try:
                coordinator = Coordinator(
                    self.optuna,
                    self.space,
                    network,
                    make_network,
                    executor,
                    interruption,
                    ScoreCache(say=say),
                )
                self._records, self._live = coordinator.records, True
                about = {"trials": evaluations, "before": coordinator.before, "about": describe()}
                record.update(self.optuna, runs=[*self.record.runs, about])
                return coordinator.run(evaluations, (lambda: on_trial(self)) if on_trial else None)
            finally:
                self._live = False
                executor.close()

    def finetune(self, network: Network) -> None:
        """Train the front's networks through their tables, those that were not yet; see `finetuned`."""
        found = dict(self.record.finetuned)
        for number in map(int, self.pareto().number):
            if str(number) not in found:
                own = self.records()[number]
                found[str(number)] = finite(network.finetuned(own.tables, widths(own.design)))
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
