"""The side of a space that computes: the fields of an accelerator's design."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dse.space.applies import APPLIES
from dse.space.asking import suggest
from dse.space.widths import WIDTHS
from dse.study_file import Axis

if TYPE_CHECKING:
    from optuna.trial import Trial


@dataclass(frozen=True)
class DesignAxes:
    """What a study file leaves open of the accelerator.

    Attributes:
        axes: The values of each field of a Design, those of one value too.
    """

    axes: Mapping[str, Axis]

    def suggest(self, trial: Trial) -> Mapping[str, Any]:
        """Let a trial choose the accelerator; what does not apply is not asked for."""
        fields = {name: suggest(trial, name, axis) for name, axis in self.axes.items() if name not in APPLIES}
        for name, applies in APPLIES.items():
            axis = self.axes[name]
            fields[name] = suggest(trial, name, axis) if applies(fields) else axis[0]
        return {name: fields[name] for name in self.axes}

    def suggest_widths(self, trial: Trial) -> dict[str, Any]:
        """Let a trial choose the widths alone, on which quality depends."""
        return {name: suggest(trial, name, axis) for name, axis in self._widths.items()}

    def widths(self) -> list[dict[str, Any]]:
        """Return every choice of the widths, but for what is open."""
        axes = self._widths
        return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]

    def applied(self, design: Mapping[str, Any]) -> dict[str, Any]:
        """Return a design's fields with those that do not apply at their first value."""
        return {n: value if _applies(n, design) else self.axes[n][0] for n, value in design.items()}

    def params(self, design: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that a trial is asked for to make a design."""
        return {
            name: design.get(name)
            for name, axis in self.axes.items()
            if len(axis) > 1 and _applies(name, design)
        }

    @property
    def _widths(self) -> dict[str, Axis]:
        return {name: self.axes[name] for name in WIDTHS if name in self.axes}


def _applies(name: str, design: Mapping[str, Any]) -> bool:
    return name not in APPLIES or APPLIES[name](design)
