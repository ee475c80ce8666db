"""What evaluations have in common, and what of that is learned: see `dse.search.bayes.output_shift_gp`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from dse.search.bayes.additive import LEAST

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

OWN, TOGETHER, WEIGHT, NOISE = 0.2, 0.3, 0.3, 0.2
"""The prior's middle: what one table and all together do to rounding, over the least length that was
measured; the weight of a key; what is off in proportion to the length, since proportions end somewhere."""

SPREADS = {"rounding": 1.0, "own": 1.0, "together": 1.0, "touch": 1.0, "weight": 1.0, "noise": 0.5}
"""Standard deviations of the parameters' logarithms about the prior's middle; 0 is that of `touch`."""

GAIN, PART = 1.5, 1.0
"""Likewise of a key's gain, about what its shares of the loss say, and of what its ranges and its sites add
to it, about 0."""

NUMBERS = 20
"""Numbers of a vector that count as independent where parameters are learned; outputs move together."""

SMALL = 1e-9
"""Keeps the covariance regular, over its mean on the diagonal."""

STEPS = 40


@dataclass(frozen=True)
class Evidence:
    """Evaluations that are taken into account.

    Attributes:
        choices: (n, keys + 1), which table each key had, and which widths.
        losses: (n,).
        shifts: How far outputs moved, (n, numbers).
    """

    choices: Rows
    losses: Array
    shifts: Array


class Tables:
    """How the tables of one key err.

    Args:
        errors: Of each table, (choices, points).
        parts: Site and range of each point, (2, points).

    Attributes:
        products: Of the errors of two tables, within each part of the inputs: (parts, choices, choices).
        gains: Which numbers add to the logarithm of each part's gain: that of all, those of the ranges, and,
            where there are several, those of the sites. (parts, numbers).
        middle: The median of the tables' mean squared errors.
    """

    def __init__(self, errors: Array, parts: Rows) -> None:
        pairs, part = np.unique(parts, axis=1, return_inverse=True)
        within = [errors[:, part == number] for number in range(pairs.shape[1])]
        self.products = np.array([own @ own.T for own in within])
        sites, ranges = (np.equal.outer(row, np.unique(row)).astype(float) for row in pairs)
        self.gains = np.column_stack([np.ones(len(within)), ranges, *([sites] if sites.shape[1] > 1 else [])])
        self.middle = float(np.median((errors**2).sum(axis=1)))


class Kernel:
    """The parameters of the covariance, and how they are learned.

    Args:
        tables: Of each key.
        floors: How many choices of widths there are.
    """

    def __init__(self, tables: Sequence[Tables], floors: int) -> None:
        self._tables, self._floors, keys = tables, floors, len(tables)
        sizes = {
            "rounding": floors,
            "own": floors,
            "together": floors,
            "touch": keys,
            "weight": keys,
            "noise": 1,
        }
        ends = np.cumsum([*sizes.values(), *(own.gains.shape[1] for own in tables)]).tolist()
        places = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        self._at = dict(zip(sizes, places, strict=False))
        self._gains = places[len(sizes) :]
        spreads = [np.full(size, SPREADS[name]) for name, size in sizes.items()]
        self._spread = np.concatenate(
            [*spreads, *(np.append(GAIN, np.full(own.gains.shape[1] - 1, PART)) for own in tables)]
        )

    def values(self, parameters: Array) -> Mapping[str, Array]:
        """Return the parameters by name, but for gains: three of each widths, two of each key, the noise."""
        return {name: np.exp(parameters[place]) for name, place in self._at.items()}

    def by_tables(self, parameters: Array) -> list[Array]:
        """Return what the tables of each key have in common by their errors, (choices, choices)."""
        return [
            np.tensordot(gains, own.products, 1)
            for gains, own in zip(self._part_gains(parameters), self._tables, strict=True)
        ]

    def _part_gains(self, parameters: Array) -> list[Array]:
        """Return the squared gains of each key's parts."""
        return [
            np.exp(2 * own.gains @ parameters[place])
            for own, place in zip(self._tables, self._gains, strict=True)
        ]

    def learn(self, seen: Evidence, shares: Sequence[Array], start: Array | None) -> Array:
        """Return the parameters' logarithms at the maximum of their posterior.

        Args:
            seen: Evaluations.
            shares: Of the loss, those of each key's tables, (choices,).
            start: Where to start from, if not from the prior.
        """
        prior = self.middle(seen, shares)
        bounds = [(p - 4 * s, p + 4 * s) for p, s in zip(prior, self._spread, strict=True)]
        return np.asarray(
            minimize(
                self.posterior(seen, prior),
                prior if start is None else start,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": STEPS},
            ).x
        )

    def middle(self, seen: Evidence, shares: Sequence[Array]) -> Array:
        """Return the middle of the prior: rounding is about as much as the least that was lost."""
        of = [seen.losses[seen.choices[:, -1] == floor] for floor in range(self._floors)]
        least = np.sqrt([own.min() if len(own) else seen.losses.min() for own in of])
        middle = np.zeros(len(self._spread))
        middle[self._at["rounding"]] = np.log(least)
        middle[self._at["own"]], middle[self._at["together"]] = np.log(OWN * least), np.log(TOGETHER * least)
        middle[self._at["weight"]], middle[self._at["noise"]] = np.log(WEIGHT), np.log(NOISE)
        for place, own, share in zip(self._gains, self._tables, shares, strict=True):
            middle[place.start] = 0.5 * np.log(np.median(share) / max(own.middle, LEAST))
        return middle

    def posterior(self, seen: Evidence, prior: Array) -> Callable[[Array], tuple[float, Array]]:
        """Return what gives minus the logarithm of the parameters' posterior and its slope."""
        products, at, floors = seen.shifts @ seen.shifts.T, self._at, seen.choices[:, -1]
        equal = np.asarray(seen.choices[:, None, :-1] == seen.choices[:, :-1], dtype=float)
        same = np.equal.outer(floors, floors).astype(float)
        chosen = [
            np.equal.outer(column, np.arange(own.products.shape[1])).astype(float)
            for own, column in zip(self._tables, seen.choices.T, strict=False)
        ]

        def by_key(pairs: Array, per_key: Array) -> Array:
            return np.asarray(pairs.ravel() @ per_key.reshape(-1, per_key.shape[-1]))

        def by_floor(pairs: Array) -> Array:
            return np.asarray(np.bincount(floors, pairs.sum(axis=1), self._floors), dtype=float)

        def cost(parameters: Array) -> tuple[float, Array]:
            value = self.values(parameters)
            rounding, each, together = (
                same * value[name][floors, None] ** 2 for name in ("rounding", "own", "together")
            )
            own = each * (equal @ value["touch"] ** 2)
            together = together * np.exp((equal - 1.0) @ value["weight"])
            noise = value["noise"] ** 2 * seen.losses
            tables = self.by_tables(parameters)
            moved = sum(picked @ gram @ picked.T for picked, gram in zip(chosen, tables, strict=True))
            factor = cho_factor(regular(moved + rounding + own + together, noise), lower=True)
            inverse = cho_solve(factor, np.eye(len(noise)))
            weighted = inverse @ products
            found = NUMBERS * (np.log(np.diag(factor[0])).sum() + 0.5 * np.trace(weighted))
            slope = 0.5 * NUMBERS * (inverse - weighted @ inverse)
            gradient = np.zeros(len(parameters))
            for name, term in (("rounding", rounding), ("own", own), ("together", together)):
                gradient[at[name]] = 2 * by_floor(slope * term)
            gradient[at["touch"]] = 2 * value["touch"] ** 2 * by_key(slope * each, equal)
            gradient[at["weight"]] = value["weight"] * by_key(slope * together, equal - 1.0)
            gradient[at["noise"]] = 2 * np.diag(slope) @ noise
            for place, key, picked, gains in zip(
                self._gains, self._tables, chosen, self._part_gains(parameters), strict=True
            ):
                by_part = 2 * gains * np.tensordot(key.products, picked.T @ slope @ picked, 2)
                gradient[place] = by_part @ key.gains
            from_prior = (parameters - prior) / self._spread**2
            return found + 0.5 * from_prior @ (parameters - prior), gradient + from_prior

        return cost


def regular(covariance: Array, noise: Array) -> Array:
    """Return a covariance with noise on its diagonal, and enough of it for a factorisation."""
    return np.asarray(covariance + np.diag(noise + SMALL * covariance.diagonal().mean()))
