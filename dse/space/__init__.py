"""The search space: what a trial can choose, and the candidate that its choices make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dse.errors import UserError
from dse.space.candidate import Candidate, Tables
from dse.space.designs import DesignAxes
from dse.space.tables import TableAxes
from dse.space.widths import WIDTHS
from dse.study_file import Axis, StudyFile

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

__all__ = ["Candidate", "DesignAxes", "Space", "TableAxes", "Tables"]


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

    def __post_init__(self) -> None:
        self.tables.check()
        if not self.searched:
            raise UserError("nothing is searched: must have at least one field with a list of values")

    @cached_property
    def tables(self) -> TableAxes:
        """What is open of the tables."""
        return TableAxes(self.config.approximation, self.functions, self.sites)

    @cached_property
    def designs(self) -> DesignAxes:
        """What is open of the accelerator."""
        return DesignAxes(self.config.design_axes)

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """Every axis by the name of its parameter: `gelu.segments`, `rows`."""
        return {**self.tables.axes, **self.designs.axes}

    @cached_property
    def searched(self) -> dict[str, Axis]:
        """The axes with more than one value: an Optuna parameter each."""
        return {name: axis for name, axis in self.axes.items() if len(axis) > 1}

    @cached_property
    def quality_axes(self) -> dict[str, Axis]:
        """Those that quality depends on: of the tables and the widths."""
        on_hardware_alone = set(self.designs.axes) - set(WIDTHS)
        return {name: axis for name, axis in self.searched.items() if name not in on_hardware_alone}

    def suggest(self, trial: Trial) -> Candidate:
        """Let a trial choose a candidate."""
        return Candidate(self.tables.suggest(trial), self.designs.suggest(trial))

    def candidate(self, params: Mapping[str, Any]) -> Candidate:
        """Make the candidate of a trial's parameters; what is fixed is filled in."""
        values = {name: axis[0] for name, axis in self.axes.items()} | dict(params)
        return Candidate(self.tables.of(values), {name: values[name] for name in self.designs.axes})

    def params(self, tables: Tables, design: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that a trial is asked for to make a candidate."""
        return self.tables.params(tables) | self.designs.params(design)

    def distributions(self, params: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """Return Optuna's distribution of each of some parameters."""
        from optuna.distributions import CategoricalDistribution

        return {name: CategoricalDistribution(self.axes[name]) for name in params}

    def plain(self) -> list[dict[str, Any]]:
        """Return the parameters of the plain choices, functions alike: each segment count, placement, width.

        A search starts from them, so that it never ends below what one would set by hand. Bias correction is
        the last one listed; a function that does not have a choice open keeps to its own.
        """
        shared = self.config.approximation
        choices = [
            self.tables.plain(segments=segments, placement=placement, bias=shared.bias[-1])
            | {"data_width": data}
            for segments in reversed(shared.segments)
            for placement in shared.placement
            for data in self.designs.axes["data_width"]
        ]
        return [{n: v for n, v in params.items() if v in self.searched.get(n, ())} for params in choices]
