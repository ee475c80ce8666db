"""What a trial and a study are; the one place that turns them into attributes of Optuna's and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from dse.errors import NoStudyError, UserError

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from accel_models import Workload

State = Literal["complete", "pruned", "fail", "running", "waiting"]
VERSION = 2
"""Of these attributes. Studies of version 1 (commit 599a965) had a flat attribute a metric and no version."""


@dataclass(frozen=True)
class TrialRecord:
    """One design of a study: what was chosen, what it is worth, and how it came about.

    Attributes:
        number: Its place in the study; -1 before it is there.
        state: Optuna's word for how it ended: "complete", "pruned", "fail".
        tables: Segments, placement and bias by function or site.
        precision: Fields of the design that quality depends on; see `dse.space.widths`.
        design: All fields of an `accel_models.Design`.
        metrics: By their names in `dse.metrics`.
        standard_errors: Of the metrics that are estimates, in their units.
        violations: By which share each constraint is missed; at most 0 where it is met.
        params: Values of the searched axes.
        workload: What the accelerator runs, `Workload.to_dict()`; of designs that were on the front alone.
        direction: Where outputs moved, a text of `dse.directions`; empty where the network does not say.
        proposal: How it was proposed: "initial design", "surrogate", "sampler".
        reason: Why it has no metrics, in a line.
        evaluation: Which evaluation of the study it belongs to; designs of the same tables share one.
        part: Which design of its evaluation it is; 0 is the trial's own, recorded last.
        parts: How many designs its evaluation records.
        seconds: How long it took; 0 for what its evaluation found beside its own design.
        by_network: Its metrics on each network, where the study has several; `metrics` is their mean.
        members: Designs of the front that it stands for, itself included: those that differ from it by
            little.
    """

    number: int = -1
    state: State = "complete"
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    precision: Mapping[str, Any] = field(default_factory=dict)
    design: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    workload: Mapping[str, Any] = field(default_factory=dict)
    direction: str = ""
    proposal: str = ""
    reason: str = ""
    evaluation: int = -1
    part: int = 0
    parts: int = 1
    seconds: float = math.nan
    by_network: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    members: int = 1

    @property
    def feasible(self) -> bool:
        """Whether it is finished and meets all constraints."""
        return self.state == "complete" and max(self.violations.values(), default=0.0) <= 0

    def load_workload(self) -> Workload:
        """Return what its accelerator runs.

        Raises:
            ValueError: If that was not recorded: the design was never on the front.
        """
        from accel_models import Workload

        if not self.workload:
            raise ValueError(f"trial {self.number}: its workload was not recorded: it was never on the front")
        return Workload.from_dict(dict(self.workload))

    def values(self, objectives: Iterable[str]) -> list[float]:
        """Return its metrics of these names."""
        return [float(self.metrics[name]) for name in objectives]


_OWN = ("number", "state", "params", "violations", "seconds")
"""Fields of a record for which an Optuna trial has a place of its own."""

_ATTRIBUTES = tuple(entry.name for entry in fields(TrialRecord) if entry.name not in _OWN)
_DEFAULT = TrialRecord()


def attributes(record: TrialRecord) -> dict[str, Any]:
    """Return the user attributes of a record's trial; what has its default is left out."""
    given = {name: getattr(record, name) for name in _ATTRIBUTES}
    return {name: value for name, value in given.items() if value != getattr(_DEFAULT, name)}


def read(trial: FrozenTrial) -> TrialRecord:
    """Return the record of an Optuna trial."""
    known = {name: value for name, value in trial.user_attrs.items() if name in _ATTRIBUTES}
    return TrialRecord(
        number=trial.number,
        state=trial.state.name.lower(),  # type: ignore[arg-type]  # Optuna's words are these
        params=dict(trial.params),
        violations=dict(trial.constraints),
        seconds=trial.duration.total_seconds() if trial.duration is not None else math.nan,
        **known,
    )


def frozen(
    record: TrialRecord, objectives: Sequence[str], distributions: Mapping[str, BaseDistribution]
) -> FrozenTrial:
    """Return a finished Optuna trial of a record, to be added to a study.

    Args:
        record: The record.
        objectives: Names of the metrics that are the trial's values.
        distributions: Of its parameters.
    """
    from optuna.trial import TrialState, create_trial

    made = create_trial(
        state=TrialState[record.state.upper()],
        values=record.values(objectives) if record.state == "complete" else None,
        params=dict(record.params),
        distributions=dict(distributions),
        user_attrs=attributes(record),
        constraints=dict(record.violations),
    )
    if not math.isnan(record.seconds) and made.datetime_complete is not None:
        made.datetime_start = made.datetime_complete - timedelta(seconds=record.seconds)
    return made


@dataclass(frozen=True)
class StudyRecord:
    """What a study is of: all that its trials and its reports need to know beside the trials.

    Attributes:
        study_file: The study file as it was written.
        config: Its fields as plain values.
        functions: Functions of the network that need tables.
        sites: The function of every site that needs a table, by its name.
        fingerprint: Of network, data and code.
        original: Quality metrics of the unconverted network.
        certificate: What the network became.
        inputs: Where tables are fitted, by function.
        about: Versions, machine, time.
        runs: A record a run: how many trials it adds to how many, and with which versions.
        finetuned: Quality metrics of the front's networks after training, by trial.
        losses: What is lost to tables, to widths and to both, a row a trial.
        networks: Of a study of hardware alone: title, workload, weight, network and size, by name.
        references: Known designs: name, design, metrics, and metrics by network.
        sweep: How the designs of a study of hardware alone were gone through, and what their metrics hang on.
        effects: Which share of each metric's variance each searched field explains, by metric.
    """

    study_file: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    functions: Sequence[str] = ()
    sites: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    original: Mapping[str, float] = field(default_factory=dict)
    certificate: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    runs: Sequence[Mapping[str, Any]] = ()
    finetuned: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    losses: Sequence[Mapping[str, Any]] = ()
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    references: Sequence[Mapping[str, Any]] = ()
    sweep: Mapping[str, Any] = field(default_factory=dict)
    effects: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


_VERSIONED = "record version"


def is_described(study: optuna.Study) -> bool:
    """Whether a study says what it is of; a run that was killed at once leaves one that does not."""
    return _VERSIONED in study.user_attrs or "about" in study.user_attrs


def describe(study: optuna.Study, record: StudyRecord) -> None:
    """Write what a study is of; the version comes last and says that all is there."""
    update(study, **{entry.name: getattr(record, entry.name) for entry in fields(record)})
    study.set_user_attr(_VERSIONED, VERSION)


def update(study: optuna.Study, **changes: Any) -> None:
    """Write some fields of a study's record anew."""
    known = {entry.name for entry in fields(StudyRecord)}
    for name, value in changes.items():
        if name not in known:
            raise TypeError(f"{name}: must be a field of StudyRecord")
        study.set_user_attr(name, value)


_LEASE = "coordinator"


def lease(study: optuna.Study) -> dict[str, Any]:
    """Return who said last that it runs a study; see `dse.loop.lock`."""
    return dict(study.user_attrs.get(_LEASE, {}))


def set_lease(study: optuna.Study, holder: Mapping[str, Any]) -> None:
    """Say who runs a study."""
    study.set_user_attr(_LEASE, dict(holder))


def read_study(study: optuna.Study, where: str) -> StudyRecord:
    """Return what a study is of.

    Args:
        study: The study.
        where: Names it in an error.

    Raises:
        NoStudyError: If a run was killed before it had described it.
        EarlierStudyError: If another version of this program described it.
    """
    found = study.user_attrs
    if not is_described(study):
        raise NoStudyError(f"{where}: holds no study yet")
    if found.get(_VERSIONED) != VERSION:
        theirs = found.get(_VERSIONED, 1)
        raise EarlierStudyError(
            f"{where}: its records are of version {theirs}, this program's of version {VERSION}: read it "
            "with the program that made it; --new keeps it, unchanged, beside the new study"
        )
    known = {entry.name: found[entry.name] for entry in fields(StudyRecord) if entry.name in found}
    return StudyRecord(**known)


class EarlierStudyError(UserError):
    """A study that another version of this program recorded."""
