"""[constraints]: limits that a design must keep to, `area_mm2 = 2.0` or `power_w = {min = 1, max = 5}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model

from dse.metrics import METRICS, Metric
from dse.study_file.rules import checked, limit, refusal
from dse.study_file.section import Section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Side = Literal["min", "max"]
SIDES: tuple[Side, ...] = ("min", "max")

REFERENCE = "reference"
"""How a study file writes that a limit is what the [reference] has."""


@dataclass(frozen=True)
class Constraint:
    """A limit of a metric.

    Attributes:
        figure: What is limited.
        limit: In the metric's unit.
        side: Whether the limit is the least or the most; if None, the most where lower is better, else the
            least.
    """

    figure: Metric
    limit: float
    side: Side | None = None

    @property
    def is_least(self) -> bool:
        """Whether values must be at least the limit."""
        return self.figure.sign > 0 if self.side is None else self.side == "min"

    def __str__(self) -> str:
        """Write it as `area_mm2 <= 2`."""
        return f"{self.figure.name} {'>=' if self.is_least else '<='} {self.limit:g}"

    def met(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Mark the values, (n,), that keep to it; NaN does not."""
        return values >= self.limit if self.is_least else values <= self.limit

    def violation(self, value: float) -> float:
        """Return by which share of the limit a value misses it; at most 0 where it keeps to it."""
        return (self.limit - value) * (1 if self.is_least else -1) / (abs(self.limit) or 1.0)


def _limit(figure: Metric) -> BeforeValidator:
    """Validate a number, "reference", or a table of min and max; gives a table, or "reference"."""
    rule = limit(figure)

    def validate(value: Any) -> Any:
        if value is None or value == REFERENCE:
            return value
        if not isinstance(value, Mapping):
            return {"min" if figure.sign > 0 else "max": checked(rule, value)}
        if not value or not set(value) <= set(SIDES):
            raise refusal(dict(value), "must be a number, or a table of min, max, or both")
        return {side: checked(rule, value[side]) for side in SIDES if side in value}

    return BeforeValidator(validate)


def _description(figure: Metric) -> str:
    return f"{figure.label}: the {'least' if figure.sign > 0 else 'most'}, or {{min = ..., max = ...}}"


def _constraints_section() -> type[Section]:
    """Make [constraints] from the metrics."""
    fields: dict[str, Any] = {
        figure.name: (
            Annotated[dict[str, float] | str | None, _limit(figure)],
            Field(default=None, description=_description(figure)),
        )
        for figure in METRICS.values()
    }
    doc = '[constraints]: limits that a design must keep to; "reference" is what the [reference] has.'
    return create_model("ConstraintsSection", __base__=Section, __doc__=doc, **fields)


ConstraintsSection = _constraints_section()


def constraints(section: Section, reference: Mapping[str, float] | None = None) -> tuple[Constraint, ...]:
    """Return the constraints of a section, those on quality first.

    Args:
        section: [constraints].
        reference: Metrics of the known design, where a limit is its own; such limits are left out without it.
    """
    found: list[Constraint] = []
    for name, figure in METRICS.items():
        value = getattr(section, name)
        if value == REFERENCE:
            if reference is not None:
                found.append(Constraint(figure, reference[name] * (1 + figure.sign * -1e-9)))
        elif value is not None:
            found += [Constraint(figure, bound, side) for side, bound in value.items()]
    return tuple(found)
