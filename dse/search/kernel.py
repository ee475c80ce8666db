"""What evaluations have in common, and what of that is learned: see `dse.search.shifts`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

OWN, LUCK, WEIGHT, NOISE = 0.2, 0.3, 0.3, 0.2
"""The prior's middle: what one table and all together do to rounding, over the least length that was
measured; the weight of a key; what is off in proportion to the length, since proportions end somewhere."""

SPREADS = {"rounding": 1.0, "own": 1.0, "luck": 1.0, "table": 0.5, "weight": 1.0, "noise": 0.5}
"""Standard deviations of the parameters' logarithms about the prior's middle; 0 is that of `table`."""

NUMBERS = 4
"""Numbers of a vector that count as independent where parameters are learned; outputs move together."""

SMALL = 1e-9
"""Keeps the covariance regular, over its mean on the diagonal."""

STEPS = 40


@dataclass(frozen=True)
class Seen:
    """Evaluations that are taken into account.

    Attributes:
        choices: (n, keys + 1), which table each key had, and which widths.
        losses: (n,).
        shifts: How far outputs moved, (n, numbers).
    """

    choices: Rows
    losses: Array
    shifts: Array


class Kernel:
    """The parameters of the covariance, and how they are learned.

    Args:
        keys: How many tables a network has.
        floors: How many choices of widths there are.
    """

    def __init__(self, keys: int, floors: int) -> None:
        sizes = {"rounding": floors, "own": floors, "luck": floors, "table": keys, "weight": keys, "noise": 1}
        ends = np.cumsum(list(sizes.values()))
        self._at = {
            name: slice(int(end) - size, int(end))
            for (name, size), end in zip(sizes.items(), ends, strict=True)
        }
        self._spread = np.concatenate([np.full(size, SPREADS[name]) for name, size in sizes.items()])
        self._floors = floors

    def values(self, parameters: Array) -> Mapping[str, Array]:
        """Return the parameters by name: three of each widths, two of each key, and the noise."""
        return {name: np.exp(parameters[place]) for name, place in self._at.items()}

    def learn(self, grams: Sequence[Array], seen: Seen, start: Array | None) -> Array:
        """Return the parameters' logarithms at the maximum of their posterior.

        Args:
            grams: What the tables of each key have in common, (choices, choices) a key.
            seen: Evaluations.
            start: Where to start from, if not from the prior.
        """
        prior = self.middle(seen)
        bounds = [(p - 4 * s, p + 4 * s) for p, s in zip(prior, self._spread, strict=True)]
        return np.asarray(
            minimize(
                self.posterior(grams, seen, prior),
                prior if start is None else start,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": STEPS},
            ).x
        )

    def middle(self, seen: Seen) -> Array:
        """Return the middle of the prior: rounding is about as much as the least that was lost."""
        of = [seen.losses[seen.choices[:, -1] == floor] for floor in range(self._floors)]
        least = np.sqrt([own.min() if len(own) else seen.losses.min() for own in of])
        middle = np.zeros(len(self._spread))
        middle[self._at["rounding"]] = np.log(least)
        middle[self._at["own"]], middle[self._at["luck"]] = np.log(OWN * least), np.log(LUCK * least)
        middle[self._at["weight"]], middle[self._at["noise"]] = np.log(WEIGHT), np.log(NOISE)
        return middle

    def _terms(self, grams: Sequence[Array], choices: Rows) -> tuple[list[Array], Array, Array]:
        """Return the kernel's terms but for luck, each to be multiplied by a squared parameter.

        Returns:
            The terms in the order of the parameters `rounding`, `own`, `table`, (n, n) each; which keys
            differ, (n, n, keys); and whether the widths do not, (floors, n, n).
        """
        floors = choices[:, -1]
        apart = np.asarray(choices[:, None, :-1] != choices[:, :-1], dtype=float)
        same = np.array([np.outer(floors == i, floors == i) for i in range(self._floors)], dtype=float)
        equal = (1.0 - apart).sum(axis=-1)
        by_errors = [gram[np.ix_(row, row)] for gram, row in zip(grams, choices.T, strict=False)]
        return [*same, *(same * equal), *by_errors], apart, same

    def _squares(self, parameters: Array) -> Array:
        """Return what each of the terms is multiplied by."""
        logs = [parameters[self._at[name]] for name in ("rounding", "own", "table")]
        return np.asarray(np.exp(2 * np.concatenate(logs)))

    def _luck(self, parameters: Array, apart: Array, same: Array) -> Array:
        """Return what all tables have in common together, (floors, n, n)."""
        kept = np.exp(-apart @ np.exp(parameters[self._at["weight"]]))
        return np.asarray(np.exp(2 * parameters[self._at["luck"]])[:, None, None] * same * kept)

    def _noise(self, parameters: Array, seen: Seen) -> Array:
        return np.asarray(np.exp(2 * parameters[self._at["noise"]]) * seen.losses)

    def posterior(
        self, grams: Sequence[Array], seen: Seen, prior: Array
    ) -> Callable[[Array], tuple[float, Array]]:
        """Return what gives minus the logarithm of the parameters' posterior and its slope."""
        terms, apart, same = self._terms(grams, seen.choices)
        products, at = seen.shifts @ seen.shifts.T, self._at

        def cost(parameters: Array) -> tuple[float, Array]:
            squares, luck = self._squares(parameters), self._luck(parameters, apart, same)
            noise, together = self._noise(parameters, seen), luck.sum(axis=0)
            factor = cho_factor(regular(_weighted(squares, terms) + together, noise), lower=True)
            inverse = cho_solve(factor, np.eye(len(noise)))
            weighted = inverse @ products
            value = NUMBERS * (np.log(np.diag(factor[0])).sum() + 0.5 * np.trace(weighted))
            slope = 0.5 * NUMBERS * (inverse - weighted @ inverse)
            gradient = np.zeros(len(parameters))
            by_term = 2 * squares * [(slope * term).sum() for term in terms]
            for name, part in zip(
                ("rounding", "own", "table"), np.split(by_term, [self._floors, 2 * self._floors]), strict=True
            ):
                gradient[at[name]] = part
            gradient[at["luck"]] = 2 * (slope * luck).sum(axis=(1, 2))
            by_key = np.einsum("ij,ijk->k", slope * together, apart)
            gradient[at["weight"]] = -np.exp(parameters[at["weight"]]) * by_key
            gradient[at["noise"]] = 2 * np.exp(2 * parameters[at["noise"]]) * np.diag(slope) @ seen.losses
            from_prior = (parameters - prior) / self._spread**2
            return value + 0.5 * from_prior @ (parameters - prior), gradient + from_prior

        return cost


def _weighted(weights: Array, terms: Sequence[Array]) -> Array:
    return np.asarray(sum(weight * term for weight, term in zip(weights, terms, strict=True)))


def regular(covariance: Array, noise: Array) -> Array:
    """Return a covariance with noise on its diagonal, and enough of it for a factorisation."""
    return np.asarray(covariance + np.diag(noise + SMALL * covariance.diagonal().mean()))
