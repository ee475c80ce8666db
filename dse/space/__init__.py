"""The search space: what a trial can choose, and the candidate that its choices make."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dse.errors import UserError
from dse.space.applies import APPLIES
from dse.space.widths import WIDTHS
from dse.study_file import Axis, StudyFile

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

    from accel_models import Workload

Tables = Mapping[str, Mapping[str, Any]]
"""For each function, or each site, the segments, placement and bias of its tables."""


@dataclass(frozen=True)
class Candidate:
    """One point of the search space.

    Attributes:
        tables: Segments, placement and bias of each function's, or each site's, tables.
        design: Fields of the accelerator's Design, but for the addressing, which follows from the tables.
        costs: Its hardware figures if whoever chose it knows them.
        workload: Likewise what the network asks of the accelerator with the tables.
    """

    tables: Tables
    design: Mapping[str, Any]
    costs: Mapping[str, float] | None = field(default=None, compare=False)
    workload: Workload | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Space:
    """What a study file leaves open, for the functions of one network.

    Attributes:
        config: The study file.
        functions: Functions of the network that need tables.
        sites: The function of every site that needs a table, by its name.
    """

    config: StudyFile
    functions: tuple[str, ...]
    sites: Mapping[str, str] = field(default_factory=dict)
    axes: Mapping[str, Axis] = field(init=False)
    """Every axis by the name of its parameter: `gelu.segments`, `rows`."""

    def __post_init__(self) -> None:
        axes = {f"{key}.{name}": axis for key, name, axis in self._table_axes()} | self.config.design_axes
        object.__setattr__(self, "axes", axes)
        self._check()

    @property
    def keys(self) -> dict[str, str]:
        """What gets tables of its own, each with its function: functions, or sites if those share nothing."""
        if self.config.approximation.share == "site":
            return dict(self.sites)
        return {function: function for function in self.functions}

    def specs(self, key: str) -> list[dict[str, Any]]:
        """Return every choice of one key's tables."""
        axes = self.config.approximation.axes(self.keys[key])
        return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]

    @cached_property
    def searched(self) -> dict[str, Axis]:
        """The axes with more than one value: an Optuna parameter each."""
        return {name: axis for name, axis in self.axes.items() if len(axis) > 1}

    @cached_property
    def quality_axes(self) -> dict[str, Axis]:
        """Those that quality depends on: of the tables and the widths."""
        on_hardware_alone = set(self.design_axes) - set(WIDTHS)
        return {name: axis for name, axis in self.searched.items() if name not in on_hardware_alone}

    @property
    def design_axes(self) -> Mapping[str, Axis]:
        """The axes of the accelerator, those of one value too."""
        return self.config.design_axes

    def suggest(self, trial: Trial) -> Candidate:
        """Let a trial choose a candidate."""
        return Candidate(self.suggest_tables(trial), self.suggest_design(trial))

    def suggest_tables(self, trial: Trial) -> Tables:
        """Let a trial choose the tables alone."""
        names = [f"{key}.{name}" for key, name, _ in self._table_axes()]
        return self._tables({name: _suggest(trial, name, self.axes[name]) for name in names})

    def widths(self) -> list[dict[str, Any]]:
        """Return every choice of the accelerator's widths, on which quality depends, but for what is open."""
        axes = {name: self.design_axes[name] for name in WIDTHS if name in self.design_axes}
        return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]

    def suggest_widths(self, trial: Trial) -> dict[str, Any]:
        """Let a trial choose the accelerator's widths alone."""
        return {name: _suggest(trial, name, self.axes[name]) for name in WIDTHS if name in self.design_axes}

    def suggest_design(self, trial: Trial) -> Mapping[str, Any]:
        """Let a trial choose the accelerator alone; what does not apply is not asked for."""
        fields = {n: _suggest(trial, n, axis) for n, axis in self.design_axes.items() if n not in APPLIES}
        for name, applies in APPLIES.items():
            axis = self.design_axes[name]
            fields[name] = _suggest(trial, name, axis) if applies(fields) else axis[0]
        return {name: fields[name] for name in self.design_axes}

    def applied(self, design: Mapping[str, Any]) -> dict[str, Any]:
        """Return a design's fields with those that do not apply at their first value."""
        return {
            name: value if APPLIES.get(name, _always)(design) else self.design_axes[name][0]
            for name, value in design.items()
        }

    def design_params(self, design: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that a trial is asked for to make a design."""
        return {
            n: design.get(n)
            for n in self.design_axes
            if n in self.searched and APPLIES.get(n, _always)(design)
        }

    def params(self, tables: Tables, design: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that a trial is asked for to make a candidate."""
        return self.tables_params(tables) | self.design_params(design)

    def tables_params(self, tables: Tables) -> dict[str, Any]:
        """Return the parameters that a trial is asked for to make some tables."""
        params = {f"{key}.{name}": value for key, table in tables.items() for name, value in table.items()}
        return {name: value for name, value in params.items() if name in self.searched}

    def widths_params(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that a trial is asked for to choose some widths."""
        return {name: value for name, value in chosen.items() if name in self.searched}

    def plain(self) -> list[dict[str, Any]]:
        """Return the parameters of the plain choices, functions alike: each segment count, place and width.

        A search starts from them, so that it never ends below what one would set by hand. Bias correction is
        the last one listed; a function that does not have a choice open keeps to its own.
        """
        shared = self.config.approximation
        formats = self.design_axes["data_width"]
        tables = [
            ({"segments": segments, "placement": placement, "bias": shared.bias[-1]}, data)
            for segments in reversed(shared.segments)
            for placement in shared.placement
            for data in formats
        ]
        searched = self.searched
        choices = [
            {f"{key}.{name}": value for key in self.keys for name, value in table.items()}
            | {"data_width": data}
            for table, data in tables
        ]
        return [{n: v for n, v in params.items() if v in searched.get(n, ())} for params in choices]

    def candidate(self, params: Mapping[str, Any]) -> Candidate:
        """Make the candidate of a trial's parameters; what is fixed is filled in."""
        values = {name: axis[0] for name, axis in self.axes.items()} | dict(params)
        return Candidate(self._tables(values), {name: values[name] for name in self.design_axes})

    def distributions(self, params: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """Return Optuna's distribution of each of some parameters."""
        from optuna.distributions import CategoricalDistribution

        return {name: CategoricalDistribution(self.axes[name]) for name in params}

    def _tables(self, values: Mapping[str, Any]) -> Tables:
        tables: dict[str, dict[str, Any]] = {key: {} for key in self.keys}
        for key, name, _ in self._table_axes():
            tables[key][name] = values[f"{key}.{name}"]
        return tables

    def _table_axes(self) -> Iterable[tuple[str, str, Axis]]:
        for key, function in self.keys.items():
            for name, axis in self.config.approximation.axes(function).items():
                yield key, name, axis

    def _check(self) -> None:
        for function in self.config.approximation.functions:
            if function not in self.functions:
                has = ", ".join(self.functions) or "none"
                raise UserError(
                    f"[approximation.{function}]: must be a function of the network, which has {has}"
                )
        if not self.searched:
            raise UserError("nothing is searched: must have at least one field with a list of values")


def _always(design: Mapping[str, Any]) -> bool:  # noqa: ARG001 - one signature
    return True


def _suggest(trial: Trial, name: str, axis: Axis) -> Any:
    return trial.suggest_categorical(name, axis) if len(axis) > 1 else axis[0]
