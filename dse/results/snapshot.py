"""A study as it was at one moment: all that a report, a plot or an export is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from accel_models import Workload
from dse.labels import label, labels
from dse.metrics import HARDWARE, METRICS, Metric
from dse.pareto import Points
from dse.record import StudyRecord, TrialRecord
from dse.results import tables
from dse.study_file import StudyFile


@dataclass(frozen=True)
class Snapshot:
    """A study and its trials, read once.

    Attributes:
        folder: The run folder.
        name: The study's name.
        file: The study file's fields.
        study: What the study is of.
        records: Its trials, by number.
        trials: The same as a table; see `dse.results.tables.trials`.
        front: Those that no other beats; see `dse.results.tables.front`.
    """

    folder: Path
    name: str
    file: StudyFile
    study: StudyRecord
    records: Sequence[TrialRecord]
    trials: pd.DataFrame
    front: pd.DataFrame

    @classmethod
    def of(cls, folder: Path, name: str, study: StudyRecord, records: Sequence[TrialRecord]) -> Snapshot:
        """Return the snapshot of what was read."""
        file = StudyFile.model_validate(study.config)
        searched = dict.fromkeys(name for own in records for name in own.params)
        rows = tables.trials(records, metrics(study), searched)
        return cls(folder, name, file, study, tuple(records), rows, tables.front(rows, file.figures))

    @property
    def objectives(self) -> tuple[Metric, ...]:
        """The one to four metrics that are traded off."""
        return self.file.figures

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """The metrics that its trials have."""
        return {name: METRICS[name] for name in metrics(self.study)}

    @property
    def original(self) -> Mapping[str, float]:
        """Quality metrics of the unconverted network; none where nothing is scored."""
        return self.study.original

    @property
    def done(self) -> pd.DataFrame:
        """The trials that finished, a part of `trials`."""
        return self.trials[self.trials.state == "complete"]

    @property
    def evaluations(self) -> int:
        """How many evaluations its trials are of: one records each design that it adds to the front."""
        return sum(own.part == 0 for own in self.records)

    @property
    def knee(self) -> TrialRecord | None:
        """The trial at the knee of the front."""
        chosen = self.front[self.front.knee]
        return None if chosen.empty else self.records[int(chosen.number.iloc[0])]

    @cached_property
    def _labels(self) -> Mapping[int, str]:
        numbers = [int(number) for number in self.front.number]
        return dict(zip(numbers, labels([self.records[number] for number in numbers]), strict=True))

    def label(self, number: int) -> str:
        """Name a trial in a few characters; designs of the front by what tells them from each other."""
        return self._labels.get(number) or label(self.records[number])

    @property
    def network(self) -> str:
        """The network, or the networks, that it is of."""
        return ", ".join(self.study.networks) or self.file.task.name

    @cached_property
    def sample(self) -> pd.DataFrame:
        """Metrics of some designs of a sweep, taken at random; no rows where nothing was swept."""
        return pd.DataFrame(dict(self.study.sweep.get("sample", {})))

    @property
    def swept(self) -> int:
        """How many designs were evaluated without being recorded each; 0 of a search."""
        return int(self.study.sweep.get("designs", 0))

    def points(self) -> Points:
        """Return the objectives of the feasible trials, (trials, objectives), signed: higher is better."""
        return tables.points(self.trials[self.trials.feasible.astype(bool)], self.objectives)

    def workloads(self, own: TrialRecord) -> dict[str, Workload]:
        """Return what the accelerator of a trial runs, by network; empty where that was not recorded.

        A trial of a search has it only if it was on the front when it finished.
        """
        if own.workload:
            return {self.network: own.load_workload()}
        return {name: Workload.from_dict(dict(of["workload"])) for name, of in self.study.networks.items()}

    def finetuned(self) -> pd.DataFrame:
        """Return the quality metrics of networks after training through their tables, by trial number."""
        found = self.study.finetuned
        frame = pd.DataFrame(list(found.values()), index=[int(n) for n in found], columns=list(self.original))
        return frame.rename_axis("number")

    def best(self, metric: str | None = None) -> pd.Series[Any]:
        """Return the design of the front that is best in a metric, or the front's knee.

        Of designs that are equally good in it, one that no other beats in the objectives.

        Args:
            metric: A name in `metrics`; the knee if None.

        Raises:
            ValueError: If there is no such metric, or no finished trial.
        """
        if metric is not None and metric not in self.metrics:
            raise ValueError(f"metric = {metric!r}: must be one of {', '.join(self.metrics)}")
        if self.front.empty:
            raise ValueError(f"{self.folder}: no trial is finished yet")
        if metric is None:
            return self.front.iloc[int(self.front.knee.argmax())]
        wanted = [METRICS[metric], *(own for own in self.objectives if own.name != metric)]
        feasible = self.trials[self.trials.feasible.astype(bool)]
        order = feasible.sort_values(
            [own.name for own in wanted], ascending=[own.sign < 0 for own in wanted], kind="stable"
        )
        return order.iloc[0]


def metrics(study: StudyRecord) -> list[str]:
    """Return the names of the metrics that a study's trials have: its network's, and the hardware's."""
    has = {*study.original, *(metric.name for metric in HARDWARE)}
    return [name for name in METRICS if name in has]
