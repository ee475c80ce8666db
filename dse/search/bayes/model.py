"""The loss of tables and widths that were not scored yet.

Shares of the loss that add up (`additive`) say which combinations to look at, since their front against cost
is found key by key. What each of these loses is told by where outputs moved (`output_shift_gp`); of a network
that does not say so, by the shares alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.search.bayes.additive import AdditiveLoss
from dse.search.bayes.choices import Choices
from dse.search.bayes.kernel import Tables
from dse.search.bayes.output_shift_gp import OutputShiftGP
from dse.search.bayes.prediction import Prediction

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Evaluations:
    """What was scored.

    Attributes:
        choices: (n, keys + 1), which table each key had, and which widths.
        losses: (n,).
        directions: Where the outputs moved, (numbers,) each, of length 1; None where that was not told.
    """

    choices: Rows
    losses: Array
    directions: Sequence[Array | None]


class Model:
    """What tables and widths cost in quality.

    Args:
        choices: Of tables.
        floors: How many choices of widths there are.

    Attributes:
        fits: How often evaluations were taken into account.
    """

    def __init__(self, choices: Choices, floors: int) -> None:
        errors = dict(zip(choices.specs, choices.errors, strict=True))
        self._shares = AdditiveLoss(choices.functions, choices.specs, errors, floors)
        tables = [
            Tables(own, choices.parts(key)) for key, own in zip(choices.specs, choices.curves, strict=True)
        ]
        self._shifts = OutputShiftGP(tables, floors)
        self._tells = False
        self.fits = 0

    def fit(self, parts: Sequence[Evaluations]) -> None:
        """Take all evaluations into account."""
        self.fits += 1
        choices = np.concatenate([part.choices for part in parts])
        losses = np.concatenate([part.losses for part in parts])
        self._shares.fit(choices, losses)
        directions = [direction for part in parts for direction in part.directions]
        told = {row: direction for row, direction in enumerate(directions) if direction is not None}
        self._tells = 2 * len(told) > len(directions)
        if self._tells:
            rows = list(told)
            self._shifts.fit(choices[rows], losses[rows], list(told.values()), self._shares.expected())

    def draw(self, rng: np.random.Generator) -> list[Array]:
        """Draw the shares of each key's choices, and the floors."""
        return self._shares.draw(rng)

    def predict(self, choices: Rows, floor: int) -> Prediction:
        """Return what is known of the losses of choices of tables.

        Args:
            choices: (n, keys).
            floor: Which widths all of them have.
        """
        model = self._shifts if self._tells else self._shares
        return model.predict(choices, floor)
