"""Where the outputs of a network move, by its tables and widths: a Gaussian process over vectors.

A loss is the squared length of a vector, how far all outputs moved (`approx.tasks.measures`), and small
errors inside a network move them in proportion. So it is these vectors that add up over the functions, not
the losses: vectors that point apart cancel. One evaluation tells as many numbers as the vector has, and the
loss of tables that were never evaluated together follows from what each was seen to do (to model what a
figure is computed from instead of the figure: Astudillo and Frazier, "Bayesian optimization of composite
functions", ICML 2019). Each number of a vector is drawn from one Gaussian process over the choices a and b of
tables and widths,

    k(a, b) = sum over keys of [sum over parts of gain^2 errors of a's table . errors of b's table]
              + [same widths] (rounding^2 + sum over keys with equal tables of (own touch)^2
                               + together^2 exp(-sum of weights of unequal keys))

The first term says that a table moves outputs as its errors are, whatever the widths: in proportion to the
gain of the inputs where it errs. An error of the exponential near 0 is another thing to a softmax than one
far below, and to a first layer another than to a last, so ranges of inputs and sites have gains, about what
the shares of the loss say of all (`additive`). The other terms are what numbers of some widths do: always;
with one table; and with all together, since a change of one table rounds everything behind it anew.
That last one is the weighted Hamming kernel of Hutter, Hoos and Leyton-Brown, LION 5, 2011. The parameters
are those at the maximum of their posterior (Rasmussen and Williams, "Gaussian processes for machine
learning", 2006, equations 2.25, 2.26, 5.8 and 5.9).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from dse.search.bayes.additive import LEAST
from dse.search.bayes.kernel import Evidence, Kernel, Tables, regular
from dse.search.bayes.prediction import Prediction

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

NEAREST = 256
"""Evaluations that are taken into account, those of the least sums of shares: others are far from the
front."""

COVER = 4
"""Evaluations of each table that come before others: what was scored of it is not to be forgotten
where its share says too much."""

GROWTH, LATER, LITTLE = 1.2, 2.0, 1.02
"""Evaluations, over those of the last time, after which the parameters are learned again: while there are
fewer than are taken into account, and later; and after which it is learned how far predictions are off."""

OPEN, FAR = 1.0, 3.0
"""Standard deviation of the logarithm of what is open of tables, since gains are only known so well; and how
many of them the spread is to be right at."""

ALONG = 128
"""Directions in which losses are uncertain that are told apart, those of the greatest spread."""


class OutputShiftGP:
    """Predicts losses from where outputs moved.

    Args:
        tables: Of each key.
        floors: How many choices of widths there are.
    """

    def __init__(self, tables: Sequence[Tables], floors: int) -> None:
        self._floors, self._learned, self._compared = floors, 0, 0
        self._kernel = Kernel(tables, floors)
        self._parameters: Array | None = None

    def fit(self, choices: Rows, losses: Array, directions: Sequence[Array], shares: Sequence[Array]) -> None:
        """Take evaluations into account.

        Args:
            choices: (evaluations, keys + 1), which table each key had, and which widths.
            losses: (evaluations,), at least 0.
            directions: Of each evaluation, (numbers,), of length 1.
            shares: Of the loss, those of each key's tables, (choices,), and of all widths, (floors,).
        """
        sums = np.sum([own[row] for own, row in zip(shares, choices.T, strict=True)], axis=0)
        near = self._nearest(choices, sums)
        lengths = np.sqrt(np.maximum(losses[near], LEAST))
        moved = np.concatenate([directions[row] for row in near]).reshape(len(near), -1)
        seen = Evidence(choices[near], lengths**2, moved * lengths[:, None])
        if len(choices) >= (GROWTH if self._learned < NEAREST else LATER) * self._learned:
            self._parameters = self._kernel.learn(seen, shares[:-1], self._parameters)
            self._learned = len(choices)
        weighted = self._condition(seen)
        if len(choices) >= LITTLE * self._compared:
            self._compare(weighted)
            self._compared = len(choices)
        self._products, self._spread = weighted @ weighted.T, weighted @ self._along

    def _nearest(self, choices: Rows, sums: Array) -> Rows:
        """Return the evaluations of least sums, as many of each widths; first of all some of each table."""
        order = np.argsort(sums, kind="stable")
        own = [order[choices[order, -1] == floor] for floor in range(self._floors)]
        return np.concatenate(
            [_covering(rows, choices[rows, :-1])[: NEAREST // self._floors] for rows in own]
        )

    def _condition(self, seen: Evidence) -> Array:
        """Look up what every table has in common with those of the evaluations, and solve for these.

        Returns:
            What a prediction weights by what it has in common with each evaluation, (evaluations, numbers).
        """
        self._at = at = self._kernel.values(np.asarray(self._parameters))
        grams = self._kernel.by_tables(np.asarray(self._parameters))
        floors, columns = seen.choices[:, -1], seen.choices[:, :-1].T
        self._same = np.array([floors == floor for floor in range(self._floors)], dtype=float)
        equal = [
            np.equal.outer(np.arange(len(gram)), column) for gram, column in zip(grams, columns, strict=True)
        ]
        self._kept = [np.exp(-weight * ~own) for weight, own in zip(at["weight"], equal, strict=True)]
        touch = at["touch"] ** 2
        self._moved = [
            [
                gram[:, column] + own**2 * touched * same * of
                for gram, column, touched, of in zip(grams, columns, touch, equal, strict=True)
            ]
            for own, same in zip(at["own"], self._same, strict=True)
        ]
        self._alone = [
            [gram.diagonal() + own**2 * touched for gram, touched in zip(grams, touch, strict=True)]
            for own in at["own"]
        ]
        covariance = np.empty((len(floors), len(floors)))
        for floor in range(self._floors):
            covariance[floors == floor] = self._shared(seen.choices[floors == floor, :-1], floor)
        self._factor = cho_factor(regular(covariance, at["noise"] ** 2 * seen.losses), lower=True)
        return np.asarray(cho_solve(self._factor, seen.shifts))

    def _compare(self, weighted: Array) -> None:
        """Learn along which directions predictions are off, from what each evaluation is off when left out.

        Rasmussen and Williams, equation 5.12.
        """
        inverse = cho_solve(self._factor, np.eye(len(weighted)))
        off = weighted / np.sqrt(inverse.diagonal())[:, None]
        off /= max(float(np.linalg.norm(off)), LEAST)
        spread, mixed = np.linalg.eigh(off @ off.T)
        self._alike = float((spread**2).sum())
        self._along = off.T @ mixed[:, -ALONG:]

    def predict(self, choices: Rows, floor: int) -> Prediction:
        """Return what is known of the losses of choices of tables.

        Args:
            choices: (n, keys).
            floor: Which widths all of them have.
        """
        at, shared = self._at, self._shared(choices, floor)
        length = np.maximum(((shared @ self._products) * shared).sum(axis=1), 0.0)
        known = solve_triangular(self._factor[0], shared.T, lower=True, check_finite=False)
        alone = sum(own[row] for own, row in zip(self._alone[floor], choices.T, strict=True))
        alone = alone + at["rounding"][floor] ** 2 + at["together"][floor] ** 2
        unknown = np.maximum(alone - (known**2).sum(axis=0), 0.0)
        left = unknown + at["noise"] ** 2 * length
        loss = np.maximum(length + left, LEAST)
        along = ((shared @ self._spread) ** 2).sum(axis=1)
        variance = (4 * left * along + 2 * left**2 * self._alike) / loss**2
        of_tables = np.maximum(unknown - at["together"][floor] ** 2, 0.0)
        less = np.log(loss / np.maximum(loss - of_tables * (1 - np.exp(-FAR * OPEN)), LEAST)) / FAR
        return Prediction(np.log(loss), np.sqrt(variance), less)

    def _shared(self, choices: Rows, floor: int) -> Array:
        """Return the kernel of choices (n, keys) of some widths and the evaluations, (n, evaluations)."""
        kept = np.tile(self._same[floor] * self._at["together"][floor] ** 2, (len(choices), 1))
        moved = np.tile(self._same[floor] * self._at["rounding"][floor] ** 2, (len(choices), 1))
        room = np.empty_like(moved)  # taking rows into it saves two new arrays a key
        for row, by_table, of_all in zip(choices.T, self._moved[floor], self._kept, strict=True):
            moved += by_table.take(row, axis=0, out=room, mode="clip")
            kept *= of_all.take(row, axis=0, out=room, mode="clip")
        return np.asarray(np.add(moved, kept, out=moved))


def _covering(rows: Rows, choices: Rows) -> Rows:
    """Return rows, in the order given but for this: the first ones of each key's table come before others.

    Args:
        rows: (n,).
        choices: Their tables, (n, keys).
    """
    before = [_earlier(column) for column in choices.T]
    return rows[np.argsort(np.min(before, axis=0) >= COVER, kind="stable")]


def _earlier(column: Rows) -> Rows:
    """Return how many equal numbers come before each, (n,)."""
    order = np.argsort(column, kind="stable")
    starts = np.flatnonzero(np.diff(column[order], prepend=-1))
    counts = np.arange(len(column)) - np.repeat(starts, np.diff(starts, append=len(column)))
    return counts[np.argsort(order, kind="stable")]
