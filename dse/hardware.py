"""A study of hardware alone, from its study file to its trials: nothing is scored, every design is evaluated.

The metrics of all designs go to files in the run folder (`dse.search.design_grid.parts`). Trials of the study
are the choices of the front, each standing for designs that differ from it by little, and the best design for
each network.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import ExperimentalWarning

import accel_models
from accel_models import Design
from accel_models.design import elementwise_width
from accel_models.technology import check_mac
from dse import record, samplers
from dse.about import describe
from dse.errors import UserError
from dse.progress import Progress
from dse.record import StudyRecord, TrialRecord
from dse.results.ratios import FOR, KNOWN
from dse.search.design_grid import Costs, Enumerated, Grid, enumerate_designs
from dse.search.design_grid.costs import NAMES
from dse.search.design_grid.front import choices
from dse.search.design_grid.parts import FOLDER, Parts
from dse.search.design_grid.sampled import params, sample_designs
from dse.space.widths import WIDTHS, completed
from dse.study_file import Given, StudyFile
from dse.workloads import Runs, workloads

CHOICES = 200
"""Trials that a front becomes at most."""

_DEFAULTS = {name: Design.defaults()[name] for name in ("technology", "data_width")}

SAMPLE = 1_000
"""Designs, taken at random, whose metrics a study keeps to draw the others beside its front."""


@dataclass(frozen=True)
class HardwareStudy:
    """What a study of hardware alone evaluates.

    Attributes:
        given: The study file.
        networks: What runs on the designs.
    """

    given: Given
    networks: list[Runs]

    @classmethod
    def of(cls, given: Given) -> HardwareStudy:
        """Trace the networks of a study file.

        Raises:
            UserError: If one cannot be converted, the known design cannot run it, or no process has cells of
                any width that the networks can do with.
        """
        made = cls(given, workloads(given.file, given.folder))
        made._check_cells()
        made.references  # noqa: B018 - refused before any work
        return made

    def _check_cells(self) -> None:
        """Refuse a study of which no process has cells of its widths: nothing is written for it."""
        axes = self.file.design_axes
        names = [name for name in ("technology", *WIDTHS) if name in axes]
        reasons = [
            self._without_cells({n: v for n, v in zip(names, values, strict=True) if v is not None})
            for values in itertools.product(*(axes[name] for name in names))
        ]
        if all(reasons):
            raise UserError(f"[hardware]: {reasons[0]}")

    def _without_cells(self, fields: dict[str, Any]) -> str:
        """Return why cells of some widths cannot be built, or an empty text."""
        try:
            own = completed({**_DEFAULTS, **fields}, self.costs.least)
            operand, sums = own["data_width"], own["accumulator_bits"]
            for width in (operand, elementwise_width(operand, own["elementwise_bits"])):
                check_mac(own["technology"], width, sums)
        except ValueError as error:
            return str(error)
        return ""

    @property
    def file(self) -> StudyFile:
        """The study file's fields."""
        return self.given.file

    @cached_property
    def costs(self) -> Costs:
        """Evaluates designs."""
        return Costs(self.networks)

    @cached_property
    def grid(self) -> Grid:
        """The designs."""
        return Grid(self.file.design_axes)

    @cached_property
    def references(self) -> list[dict[str, Any]]:
        """The known design, and the same in other processes; the first one's metrics can be limits."""
        if self.file.reference is None:
            return []
        known = self.file.reference.known
        name = self.file.reference.design
        made = [self._reference(name, KNOWN, known)]
        for technology in self.file.reference.technologies:
            own = replace(known, technology=technology)
            made.append(self._reference(f"{name} in {technology}", technology, own))
        return made

    def _reference(self, name: str, role: str, design: Design) -> dict[str, Any]:
        fields = {n: v for n, v in design.to_dict().items() if n not in self.costs.addressing}
        known = Grid({field: (value,) for field, value in fields.items()})
        found = self.costs.of(known.frame(np.array([0])))
        if found.reason[0]:
            raise UserError(f"[reference] design = {name}: cannot run the networks: {found.reason[0]}")
        return {
            "name": name,
            "role": role,
            "design": self.costs.design(fields).to_dict(),
            "metrics": found.together.iloc[0].to_dict(),
            "by_network": {network: own.iloc[0].to_dict() for network, own in found.each.items()},
        }

    def empty(self) -> Enumerated:
        """Return what an enumeration fills."""
        reference = self.references[0]["metrics"] if self.references else {}
        limits = self.file.limits_beside(reference) if reference else self.file.limits
        return Enumerated(self.grid, self.file.figures, limits)

    @cached_property
    def identity(self) -> str:
        """A digest of all that the metrics of designs depend on: axes, limits, networks, cost model."""
        content = self.file.content() | {"name": "", "search": {"objectives": self.file.search.objectives}}
        if not self.file.enumerated:
            content["search"] |= {"sampler": self.file.search.sampler, "seed": self.file.search.seed}
        networks = [[run.name, run.weight, run.workload.to_dict()] for run in self.networks]
        digest = hashlib.sha256(json.dumps([content, networks], sort_keys=True).encode())
        for path in _model_files():
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def described(self) -> StudyRecord:
        """Return what the study is of."""
        return StudyRecord(
            study_file=self.given.text,
            config=self.file.content(),
            fingerprint=self.identity,
            about=describe(self.given.folder),
            networks={
                run.name: {
                    "title": run.title, "network": run.network, "size": run.size, "weight": run.weight,
                    "workload": run.workload.to_dict(),
                }
                for run in self.networks
            },
            references=self.references,
        )  # fmt: skip


def run(
    hardware: HardwareStudy,
    study: optuna.Study,
    folder: Path,
    progress: Progress,
    trials: int | None = None,
    on_end: Callable[[], None] = lambda: None,
) -> None:
    """Evaluate all designs, or those that a sampler asks for, and record the front.

    Args:
        hardware: What is evaluated.
        study: Where it is recorded; may hold what an earlier run recorded.
        folder: The run folder.
        progress: Watches.
        trials: Evaluations of a sampler that this run adds; as the study file says if None.
        on_end: Called when all is recorded.

    Raises:
        UserError: If no design is feasible, or the study there was evaluated by another cost model.
    """
    _describe(hardware, study)
    parts = Parts(folder / FOLDER, hardware.identity)
    found = hardware.empty()
    if hardware.file.enumerated:
        enumerate_designs(found, hardware.costs, parts, progress.designs)
    else:
        search = hardware.file.search
        sampler = samplers.make(search.sampler, search.seed)
        sample_designs(found, hardware.costs, sampler, trials or search.trials, parts, progress.designs)
    if not found.feasible:
        raise UserError(f"[{'constraints' if found.possible else 'hardware'}]: {found.why_none()}")
    _record(hardware, study, found)
    on_end()


def _describe(hardware: HardwareStudy, study: optuna.Study) -> None:
    if not record.is_described(study):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([metric.name for metric in hardware.file.figures])  # for Optuna's tools
        record.describe(study, hardware.described())
    elif record.read_study(study, study.study_name).fingerprint != hardware.identity:
        raise UserError(
            f"study {study.study_name}: its designs were evaluated for other networks, or another cost "
            "model: use the same, or --new"
        )


def _record(hardware: HardwareStudy, study: optuna.Study, found: Enumerated) -> None:
    """Record the choices of the front, and the best design for each network, that are not there yet."""
    members, share = choices(found.front.rows, found.objectives, CHOICES)
    proposals: dict[int, list[str]] = {int(number): ["front"] for number in members.index}
    for name, (number, _) in found.best.items():
        proposals.setdefault(number, []).append(f"{FOR}{name}")
    there = {record.read(trial).evaluation for trial in study.get_trials(deepcopy=False)}
    objectives = [metric.name for metric in found.objectives]
    for own in _records(hardware, found, proposals, members.to_dict()):
        if own.evaluation not in there:
            distributions = {name: CategoricalDistribution(hardware.grid.axes[name]) for name in own.params}
            study.add_trial(record.frozen(own, objectives, distributions))
    record.update(study, sweep=_sweep(hardware, found, share), effects=found.effects.shares())


def _records(
    hardware: HardwareStudy, found: Enumerated, proposals: Mapping[int, list[str]], members: Mapping[Any, int]
) -> Iterator[TrialRecord]:
    grid, numbers = found.grid, np.array(list(proposals), dtype=np.int64)
    costs = hardware.costs.of(grid.frame(numbers))
    several = costs.each if len(costs.each) > 1 else {}
    for number in map(int, numbers):
        fields, metrics = grid.fields(number), _metrics(costs.together, number)
        yield TrialRecord(
            design=hardware.costs.design(fields).to_dict(),
            metrics=metrics,
            violations={str(own): own.violation(metrics[own.figure.name]) for own in found.constraints},
            params=params(grid, fields),
            proposal="; ".join(proposals[number]),
            evaluation=number,
            seconds=0.0,
            by_network={name: _metrics(own, number) for name, own in several.items()},
            members=int(members.get(number, 1)),
        )


def _metrics(costs: pd.DataFrame, number: int) -> dict[str, float]:
    values = costs[list(NAMES)].to_numpy(float)[costs.index.get_loc(number)]
    return dict(zip(NAMES, values.tolist(), strict=True))


def _sweep(hardware: HardwareStudy, found: Enumerated, share: float) -> dict[str, Any]:
    return {
        "how": "enumerated" if hardware.file.enumerated else hardware.file.search.sampler,
        "grid": found.grid.size,
        "designs": found.designs,
        "possible": found.possible,
        "feasible": found.feasible,
        "front": len(found.front.rows),
        "share": share,
        "refused": dict(found.refused.most_common(5)),
        "excluded": dict(found.excluded),
        "sample": _sample(hardware, found),
    }


def _sample(hardware: HardwareStudy, found: Enumerated) -> dict[str, list[float]]:
    """Return the metrics of some designs, taken at random."""
    rng = np.random.default_rng(0)
    numbers = np.unique(rng.integers(found.grid.size, size=SAMPLE))
    costs = hardware.costs.of(found.grid.frame(found.grid.distinct(numbers))).together.dropna()
    return {name: costs[name].tolist() for name in NAMES}


def _model_files() -> list[Path]:
    """The files of the cost model: code, and figures of processes."""
    folder = Path(str(files(accel_models)))
    wanted = (path for kind in ("*.py", "technology/*.toml") for path in folder.rglob(kind))
    return sorted(path for path in wanted if not {"platforms", "timeloop"} & set(path.parts))
