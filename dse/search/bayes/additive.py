"""A model of the loss that tables cause: every function's share adds to the others'.

Small errors inside a network shift its outputs in proportion, and a divergence is quadratic in that shift;
errors of different functions are hardly correlated, so their losses add up. On BERT for digits a measured
loss is 0.83 to 1.22 times the sum of single losses below 0.001 nat, 0.72 to 1.39 to 0.01, 0.56 to 1.71 to 0.1
and 0.41 to 1.12 above (`benchmarks/search.py additivity`).

How a function's loss depends on its table is known beforehand too, up to a factor: it follows the table's
mean squared error on the inputs that calibration saw, which costs no evaluation. So the logarithm of a share
is linear in the logarithm of that error, with a prior over the coefficients:

    log share(k, t) = a(f) + u(k) + (1 + b(f)) log error(k, t) + placement(f) + bias(f) + rest(k, t)

for key k (a function f, or one of its sites) and table t. One share more, the floor, stands for what is left
with the finest tables: rounding, so there is one for each choice of widths. Evaluations of whole networks,
sums of shares, correct it: Gauss-Newton steps to the maximum of the posterior, and Laplace's approximation
around it to draw from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, cho_factor, cho_solve, solve_triangular
from scipy.sparse import csr_array

from dse.search.bayes.prediction import Prediction

Array = NDArray[np.float64]

FLOOR, FLOOR_SPREAD = 1e-7, 4.0
"""The prior's middle of a floor, and its standard deviation, natural logarithms."""

LEVEL, SITE, SLOPE, PLACEMENT, BIAS, REST = 4.0, 1.0, 0.2, 0.7, 0.7, 0.5
"""Standard deviations of the prior's terms, natural logarithms. Single losses of BERT on digits against the
errors of their tables have slopes of 0.8 to 1.1 and scatter by 0.8 to 1.8 about a line."""

LEAST = 1e-12
"""Losses and errors below this are rounding."""

STEPS = 8


class AdditiveLoss:
    """Shares of the loss, one a key and choice of its table, and floors.

    What was chosen is told by a number a key and one more, the floor's: (evaluations, keys + 1).

    Args:
        functions: The function of each key.
        specs: The choices of each key's table: segments, placement, bias.
        errors: Mean squared error of each choice, by key.
        floors: How many there are.
    """

    def __init__(
        self,
        functions: Mapping[str, str],
        specs: Mapping[str, Sequence[Mapping[str, Any]]],
        errors: Mapping[str, Array],
        floors: int = 1,
    ) -> None:
        self._starts = np.cumsum([0, *(len(specs[key]) for key in functions)])
        logs = np.log(np.maximum(np.concatenate([errors[key] for key in functions]), LEAST))
        rows = [(functions[key], key, spec) for key in functions for spec in specs[key]]
        self._prior = np.append(logs, [np.log(FLOOR)] * floors)
        self._precision = block_diag(
            np.linalg.inv(_covariance(rows, logs)), FLOOR_SPREAD**-2 * np.eye(floors)
        )
        self._mode, self._fresh = self._prior.copy(), [True] * floors
        self._factor = cho_factor(self._precision, lower=True)

    def fit(self, choices: NDArray[np.intp], losses: Array) -> None:
        """Take evaluations into account.

        Args:
            choices: (evaluations, keys + 1).
            losses: (evaluations,), at least 0.
        """
        at = choices + self._starts
        target = np.log(np.maximum(losses, LEAST))
        weight = 1.0 / _noise(losses) ** 2
        mode = self._mode.copy()
        for floor in set(choices[:, -1].tolist()):
            if self._fresh[floor]:  # from far below it would not move: Gauss-Newton sees no slope there
                mode[self._starts[-1] + floor] = target[choices[:, -1] == floor].min() - 1
                self._fresh[floor] = False
        cost = self._cost(mode, at, target, weight)
        for _ in range(STEPS):
            value, jacobian = self._sum(mode, at)
            hessian = self._precision + (jacobian.T @ (weight[:, None] * jacobian)).toarray()
            slope = jacobian.T @ (weight * (target - value)) - self._precision @ (mode - self._prior)
            self._factor = cho_factor(hessian, lower=True)
            step = cho_solve(self._factor, slope)
            for damping in (1.0, 0.5, 0.25, 0.1):
                moved = mode + damping * step
                lower = self._cost(moved, at, target, weight)
                if lower < cost:
                    break
            else:
                break
            settled = cost - lower < 1e-3 * (1 + cost)
            mode, cost = moved, lower
            if settled:
                break
        self._mode = mode

    def expected(self) -> list[Array]:
        """Return the shares of each key's choices, and the floors, at the posterior's maximum."""
        return np.split(np.exp(self._mode), self._starts[1:])

    def predict(self, choices: NDArray[np.intp], floor: int) -> Prediction:
        """Return what is known of the losses of choices (n, keys) with a floor."""
        full = np.column_stack([choices, np.full(len(choices), floor)])
        sums = np.logaddexp.reduce(self._mode[full + self._starts], axis=1)
        return Prediction(sums, _noise(np.exp(sums)), np.zeros(len(sums)))

    def draw(self, rng: np.random.Generator) -> list[Array]:
        """Draw from the posterior.

        Returns:
            The shares of each key's choices, and the floors.
        """
        noise = rng.standard_normal(self._mode.size)
        logs = self._mode + solve_triangular(np.tril(self._factor[0]), noise, lower=True, trans="T")
        return np.split(np.exp(logs), self._starts[1:])

    def _sum(self, logs: Array, at: NDArray[np.intp]) -> tuple[Array, csr_array]:
        """Return the logarithm of each evaluation's sum of shares, and its derivative by the logarithms."""
        parts = logs[at]
        value = np.logaddexp.reduce(parts, axis=1)
        starts = np.arange(0, at.size + 1, at.shape[1])
        slopes = np.exp(parts - value[:, None]).ravel()
        return value, csr_array((slopes, at.ravel(), starts), shape=(len(at), logs.size))

    def _cost(self, logs: Array, at: NDArray[np.intp], target: Array, weight: Array) -> float:
        off, apart = target - np.logaddexp.reduce(logs[at], axis=1), logs - self._prior
        return float(0.5 * (weight * off**2).sum() + 0.5 * apart @ self._precision @ apart)


def _noise(losses: Array) -> Array:
    """How far sums of shares are from measured losses, natural logarithms: less where the loss is small."""
    return np.asarray(0.08 + 0.5 * np.sqrt(np.minimum(losses, 1.0)))


def _covariance(rows: Sequence[tuple[str, str, Mapping[str, Any]]], logs: Array) -> Array:
    """Return the prior covariance of the logarithms of shares."""
    functions = [function for function, _, _ in rows]
    same_function = _same(functions)
    centred = logs - logs.mean()
    alike = {
        name: _same([(function, spec[name]) for function, _, spec in rows]) for name in ("placement", "bias")
    }
    return np.asarray(
        LEVEL**2 * same_function
        + SITE**2 * _same([key for _, key, _ in rows])
        + SLOPE**2 * same_function * np.outer(centred, centred)
        + PLACEMENT**2 * alike["placement"]
        + BIAS**2 * alike["bias"]
        + REST**2 * np.eye(len(rows))
    )


def _same(labels: Sequence[Any]) -> Array:
    index = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    numbers = np.array([index[label] for label in labels])
    return np.asarray(numbers[:, None] == numbers, dtype=np.float64)
