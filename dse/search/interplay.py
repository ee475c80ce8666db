"""What functions do to each other: a Gaussian process over what a sum of their shares misses.

Rounding and the errors of tables can cancel, so a combination is better or worse than its parts say: with
words of eight bits, on BERT for digits, by 9 % (a standard deviation, 1,035 evaluations near the front).
Combinations with tables in common share this luck. How much each key's table matters for it is learned:

    k(a, b) = alone^2 share of equal keys + together^2 exp(-sum of weight(key) over unequal keys)

The second part is the weighted Hamming kernel of Hutter, Hoos and Leyton-Brown, "Sequential model-based
optimization for general algorithm configuration", LION 5, 2011. The parameters are those at the maximum of
their posterior (Rasmussen and Williams, "Gaussian processes for machine learning", 2006, equations 2.30, 5.8
and 5.9).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from dse.search.additive import LEAST

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

ALONE, TOGETHER, WEIGHT = 0.08, 0.06, 0.8
"""The prior's middle: standard deviations of what each table brings by itself, and of what they do together,
natural logarithms of the loss; the sum of the weights."""

PRIOR_SPREAD = 0.5
"""Standard deviation of the parameters' logarithms about that."""

REPEATABLE = 0.01
"""Standard deviation of what no choice of tables explains, natural logarithm of the loss."""

NEAREST = 128
"""Evaluations that are taken into account, those of the least sums of shares: others are far from the front.
Those of the least measured losses would show it good luck only."""

STEPS = 20

GROWTH = 1.15
"""Evaluations, over those of the last time, after which the parameters are learned again."""


class Interplay:
    """Predicts how far measured losses are from sums of shares, natural logarithms.

    Args:
        keys: How many tables a network has.
    """

    def __init__(self, keys: int) -> None:
        self._prior = np.log([ALONE, TOGETHER, *[WEIGHT / keys] * keys])
        self._parameters = self._prior.copy()
        self._learned = 0

    def fit(self, choices: Rows, losses: Array, sums: Array) -> None:
        """Take evaluations into account.

        Args:
            choices: (evaluations, keys), which choice each key had.
            losses: (evaluations,), measured.
            sums: (evaluations,), of their shares.
        """
        nearest = np.argsort(sums, kind="stable")[:NEAREST]
        off = np.log(np.maximum(losses[nearest], LEAST)) - np.log(sums[nearest])
        noise = REPEATABLE + 0.5 * np.sqrt(np.minimum(losses[nearest], 1.0))  # sums hold for small losses
        self._choices = choices[nearest]
        apart = _apart(self._choices, self._choices)
        if len(choices) >= GROWTH * self._learned:
            self._learned, self._parameters = len(choices), self._learn(apart, off, noise)
        covariance = _kernel(self._parameters, apart) + np.diag(noise**2)
        self._factor = cho_factor(covariance, lower=True)
        self._weighted = cho_solve(self._factor, off)

    def predict(self, choices: Rows) -> tuple[Array, Array]:
        """Return the mean and the standard deviation of how far each of the choices (n, keys) will be off."""
        shared = _kernel(self._parameters, _apart(choices, self._choices))
        known = solve_triangular(self._factor[0], shared.T, lower=True)
        left = np.exp(2 * self._parameters[:2]).sum() - (known**2).sum(axis=0)
        return shared @ self._weighted, np.sqrt(np.maximum(left, 0.0))

    def _learn(self, apart: Array, off: Array, noise: Array) -> Array:
        """Return the parameters' logarithms: the two spreads', and each key's weight's."""
        bounds = [(prior - 3 * PRIOR_SPREAD, prior + 3 * PRIOR_SPREAD) for prior in self._prior]
        return np.asarray(
            minimize(
                self._posterior(apart, off, noise),
                self._parameters,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": STEPS},
            ).x
        )

    def _posterior(self, apart: Array, off: Array, noise: Array) -> Callable[[Array], tuple[float, Array]]:
        """Return what gives minus the logarithm of the parameters' posterior and its slope."""

        def cost(parameters: Array) -> tuple[float, Array]:
            alone, together = _parts(parameters, apart)
            factor = cho_factor(alone + together + np.diag(noise**2), lower=True)
            weighted = cho_solve(factor, off)
            from_prior = (parameters - self._prior) / PRIOR_SPREAD**2
            value = 0.5 * off @ weighted + np.log(np.diag(factor[0])).sum()
            slope = 0.5 * (cho_solve(factor, np.eye(len(off))) - np.outer(weighted, weighted))
            by_weight = -np.exp(parameters[2:]) * np.einsum("ij,ijk->k", slope * together, apart)
            gradient = np.array([2 * (slope * alone).sum(), 2 * (slope * together).sum(), *by_weight])
            return value + 0.5 * from_prior @ (parameters - self._prior), gradient + from_prior

        return cost


def _apart(one: Rows, other: Rows) -> Array:
    """Return 1 where two choices differ in a key, (of one, of the other, keys)."""
    return np.asarray(one[:, None] != other, dtype=np.float64)


def _kernel(parameters: Array, apart: Array) -> Array:
    alone, together = _parts(parameters, apart)
    kernel: Array = alone + together
    return kernel


def _parts(parameters: Array, apart: Array) -> tuple[Array, Array]:
    """Return what equal tables have in common by themselves, and together."""
    alone, together = np.exp(2 * parameters[:2])
    return alone * (1.0 - apart.mean(axis=-1)), together * np.exp(-apart @ np.exp(parameters[2:]))
