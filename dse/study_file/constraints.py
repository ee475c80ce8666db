"""Limits that a design must keep to: `[constraints] area_mm2 = 2.0`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dse.figures import Figure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Constraint:
    """A figure's limit: the most where lower is better, the least where higher is.

    Attributes:
        figure: What is limited.
        limit: In the figure's unit.
    """

    figure: Figure
    limit: float

    def __str__(self) -> str:
        """Write it as `area_mm2 <= 2`."""
        return f"{self.figure.name} {'>=' if self.figure.sign > 0 else '<='} {self.limit:g}"

    def met(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Mark the values, (n,), that keep to it; NaN does not."""
        return values >= self.limit if self.figure.sign > 0 else values <= self.limit

    def violation(self, value: float) -> float:
        """Return by which share of the limit a value misses it; at most 0 where it keeps to it."""
        return (self.limit - value) * self.figure.sign / (abs(self.limit) or 1.0)
