"""What a model says of losses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Foretold(NamedTuple):
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

    def __or__(self, other: Foretold) -> Foretold:
        """Return both, one after the other."""
        return Foretold(*map(np.append, self, other))

    def only(self, some: NDArray[np.bool_]) -> Foretold:
        """Return some of them, marked by (n,)."""
        return Foretold(*(own[some] for own in self))

    def lucky(self, luck: float, bold: bool = False) -> Array:
        """Return the logarithms of losses with so many standard deviations of luck.

        Args:
            luck: 0 is what is expected.
            bold: Whether what is open counts.
        """
        return self.mean - luck * (np.hypot(self.spread, self.open) if bold else self.spread)
