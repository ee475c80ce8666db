"""The search space: what a trial can choose, and the candidate that its choices make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dse.config import Axis, StudyConfig
from dse.errors import UserError
from dse.widths import WIDTHS

if TYPE_CHECKING:
    from optuna.trial import Trial

Tables = Mapping[str, Mapping[str, Any]]
"""For each function the segments, placement and bias of its tables."""


@dataclass(frozen=True)
class Candidate:
    """One point of the search space.

    Attributes:
        tables: Segments, placement and bias of each function's tables.
        design: Fields of the accelerator's Design, but for the addressing, which follows from the tables.
    """

    tables: Tables
    design: Mapping[str, Any]


@dataclass(frozen=True)
class Space:
    """What a study file leaves open, for the functions of one network.

    Attributes:
        config: The study file.
        functions: Functions of the network that need tables.
    """

    config: StudyConfig
    functions: tuple[str, ...]
    axes: Mapping[str, Axis] = field(init=False)
    """Every axis by the name of its parameter: `gelu.segments`, `rows`."""

    def __post_init__(self) -> None:
        axes = {f"{f}.{name}": axis for f, name, axis in self._table_axes()} | self.config.design_axes
        object.__setattr__(self, "axes", axes)
        self._check()

    @property
    def searched(self) -> dict[str, Axis]:
        """The axes with more than one value: an Optuna parameter each."""
        return {name: axis for name, axis in self.axes.items() if len(axis) > 1}

    @property
    def design_axes(self) -> Mapping[str, Axis]:
        """The axes of the accelerator, those of one value too."""
        return self.config.design_axes

    def suggest(self, trial: Trial) -> Candidate:
        """Let a trial choose a candidate."""
        return Candidate(self.suggest_tables(trial), self.suggest_design(trial))

    def suggest_tables(self, trial: Trial) -> Tables:
        """Let a trial choose the tables alone."""
        names = [f"{function}.{name}" for function, name, _ in self._table_axes()]
        return self._tables({name: _suggest(trial, name, self.axes[name]) for name in names})

    def suggest_widths(self, trial: Trial) -> dict[str, Any]:
        """Let a trial choose the accelerator's widths, on which quality depends."""
        return {name: _suggest(trial, name, self.axes[name]) for name in WIDTHS if name in self.design_axes}

    def suggest_design(self, trial: Trial) -> Mapping[str, Any]:
        """Let a trial choose the accelerator alone."""
        return {name: _suggest(trial, name, axis) for name, axis in self.design_axes.items()}

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
            {f"{f}.{name}": value for f in self.functions for name, value in table.items()}
            | {"data_width": data}
            for table, data in tables
        ]
        return [{n: v for n, v in params.items() if v in searched.get(n, ())} for params in choices]

    def candidate(self, params: Mapping[str, Any]) -> Candidate:
        """Make the candidate of a trial's parameters; what is fixed is filled in."""
        values = {name: axis[0] for name, axis in self.axes.items()} | dict(params)
        return Candidate(self._tables(values), {name: values[name] for name in self.design_axes})

    def _tables(self, values: Mapping[str, Any]) -> Tables:
        tables: dict[str, dict[str, Any]] = {function: {} for function in self.functions}
        for function, name, _ in self._table_axes():
            tables[function][name] = values[f"{function}.{name}"]
        return tables

    def _table_axes(self) -> Iterable[tuple[str, str, Axis]]:
        for function in self.functions:
            for name, axis in self.config.approximation.axes(function).items():
                yield function, name, axis

    def _check(self) -> None:
        for function in self.config.approximation.functions:
            if function not in self.functions:
                has = ", ".join(self.functions) or "none"
                raise UserError(
                    f"[approximation.{function}]: must be a function of the network, which has {has}"
                )
        if not self.searched:
            raise UserError("nothing is searched: must have at least one field with a list of values")


def _suggest(trial: Trial, name: str, axis: Axis) -> Any:
    return trial.suggest_categorical(name, axis) if len(axis) > 1 else axis[0]
