"""What a model says of losses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Prediction(NamedTuple):
    """Losses of choices of tables, natural logarithms, (n,) each.

    Attributes:
        mean: What is expected.
        spread: Standard deviations.
        open: Likewise of what is not known of the tables themselves, beside them: how much it matters is only
            known up to a factor.
    """

    mean: Array
    spread: Array
    open: Array

    def __or__(self, other: Prediction) -> Prediction:
        """Return both, one after the other."""
        return Prediction(*map(np.append, self, other))

    def only(self, some: NDArray[np.bool_]) -> Prediction:
        """Return some of them, marked by (n,)."""
        return Prediction(*(own[some] for own in self))

    def lower_bound(self, beta: float, bold: bool = False) -> Array:
        """Return the logarithms of losses with some standard deviations less than expected.

        Args:
            beta: How many standard deviations; 0 is what is expected.
            bold: Whether what is open counts.
        """
        return self.mean - beta * (np.hypot(self.spread, self.open) if bold else self.spread)
