"""The side of a space that approximates: the tables of each function, or of each site."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dse.errors import UserError
from dse.space.asking import suggest
from dse.space.candidate import Tables
from dse.study_file import ApproximationSection, Axis

if TYPE_CHECKING:
    from optuna.trial import Trial


@dataclass(frozen=True)
class TableAxes:
    """What a study file leaves open of the tables of one network.

    Attributes:
        section: [approximation] of the study file.
        functions: Functions of the network that need tables.
        sites: The function of every site that needs a table, by its name.
    """

    section: ApproximationSection
    functions: tuple[str, ...]
    sites: Mapping[str, str]

    def check(self) -> None:
        """Refuse tables of a function that the network does not have.

        Raises:
            UserError: Names it, and those that the network has.
        """
        for function in self.section.functions:
            if function not in self.functions:
                has = ", ".join(self.functions) or "none"
                raise UserError(
                    f"[approximation.{function}]: must be a function of the network, which has {has}"
                )

    @cached_property
    def keys(self) -> dict[str, str]:
        """What gets tables of its own, each with its function: functions, or sites if those share nothing."""
        if self.section.share == "site":
            return dict(self.sites)
        return {function: function for function in self.functions}

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """The axes by the names of their parameters: `gelu.segments`."""
        return {f"{key}.{name}": axis for key in self.keys for name, axis in self._axes(key).items()}

    def specs(self, key: str) -> list[dict[str, Any]]:
        """Return every choice of one key's tables."""
        axes = self._axes(key)
        return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]

    def suggest(self, trial: Trial) -> Tables:
        """Let a trial choose the tables."""
        return self.of({name: suggest(trial, name, axis) for name, axis in self.axes.items()})

    def of(self, values: Mapping[str, Any]) -> Tables:
        """Return the tables that values of all axes make."""
        return {key: {name: values[f"{key}.{name}"] for name in self._axes(key)} for key in self.keys}

    def params(self, tables: Tables) -> dict[str, Any]:
        """Return the parameters that a trial is asked for to make some tables."""
        values = {f"{key}.{name}": value for key, table in tables.items() for name, value in table.items()}
        return {name: value for name, value in values.items() if len(self.axes.get(name, ())) > 1}

    def plain(self, **fields: Any) -> dict[str, Any]:
        """Return values of all axes by which every key has the same table."""
        return {f"{key}.{name}": value for key in self.keys for name, value in fields.items()}

    def _axes(self, key: str) -> Mapping[str, Axis]:
        return self.section.axes(self.keys[key])
