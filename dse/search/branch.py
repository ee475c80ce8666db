"""Tables for hardware of some widths: what was scored, and what others promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from dse.search.additive import AdditiveLoss
from dse.search.choices import Choice, Choices
from dse.search.interplay import Interplay
from dse.search.merging import merged
from dse.search.promise import Hope
from dse.space.widths import Widths

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

SAMPLE = 256
"""Choices next to the front that are looked at."""

LEAST_LOSS = 5
"""Of those with the least loss so many count as near to the front: chance decides which of them is first."""


class Branch:
    """What is known of the choices of tables for hardware of some widths.

    Args:
        choices: All there are.
        chosen: The widths.
        floor: Which floor of the loss they have.
        rng: For draws.

    Attributes:
        scored: The loss of each choice that has one.
    """

    def __init__(self, choices: Choices, chosen: Widths, floor: int, rng: np.random.Generator) -> None:
        self.choices, self.chosen = choices, dict(chosen)
        self.scored: dict[Choice, float] = {}
        self._floor, self._rng = floor, rng
        self._asked: set[Choice] = set()
        self._offers: dict[Hope, dict[Choice, Array]] = {}
        self._interplay = Interplay(len(choices.specs))

    def learn(self, choice: Choice, loss: float | None) -> None:
        """Hear what a choice lost, or that it was asked for and has no loss."""
        self._asked.add(choice)
        self._offers.clear()
        if loss is not None:
            self.scored[choice] = loss

    def asked(self, choice: Choice) -> bool:
        """Whether a choice was tried."""
        return choice in self._asked

    def evaluations(self) -> tuple[Rows, Array]:
        """Return what was scored, (n, keys + 1) as `AdditiveLoss` has it, and its losses, (n,)."""
        return self._with_floor(np.array(list(self.scored), np.intp)), np.array(list(self.scored.values()))

    def offers(self, model: AdditiveLoss, best: Sequence[Choice], hope: Hope) -> Mapping[Choice, Array]:
        """Return choices that were not asked for, and the points of each: (designs, 1 + costs).

        They are the unbeaten sums of shares of the loss, for each addressing unit that could be built, and
        what differs from the best so far in one table. The same are offered until something was learned.

        Args:
            model: Gives the shares, which are drawn.
            best: Choices on the front.
            hope: How their losses are looked at.
        """
        if not self.scored or not self.choices.units:
            return {}
        if not self._offers:
            self._fit(model)
        if hope not in self._offers:
            self._offers[hope] = self._offered(model.draw(self._rng, hope.boldness), best, hope.luck)
        return self._offers[hope]

    def _offered(self, shares: Sequence[Array], best: Sequence[Choice], luck: float) -> dict[Choice, Array]:
        sums = [merged(shares[:-1], self.choices.burdens, unit.serves) for unit in self.choices.units]
        fresh = list(dict.fromkeys([*self._fresh(np.concatenate(sums)), *self._near(best)]))
        if not fresh:
            return {}
        choices = np.array(fresh, np.intp)
        mean, spread = self._interplay.predict(choices)
        known = zip(shares, self._with_floor(choices).T, strict=True)
        losses = sum(own[i] for own, i in known) * np.exp(mean - luck * spread)
        found: dict[Choice, Array] = {}
        for unit, served in self.choices.served(choices):
            points = self.choices.points(choices[served], unit, losses[served])
            found |= dict(zip((fresh[row] for row in served), points, strict=True))
        return found

    def _fresh(self, choices: Rows) -> Iterator[Choice]:
        """Yield those of the choices (n, keys) that were not asked for."""
        return (choice for choice in map(tuple, choices.tolist()) if choice not in self._asked)

    def _near(self, best: Sequence[Choice]) -> Iterator[Choice]:
        """Yield a sample of the fresh choices that differ from one of the best in one key's table."""
        least = sorted(self.scored, key=self.scored.__getitem__)[:LEAST_LOSS]
        near = self.choices.changed(np.array(list(dict.fromkeys([*best, *least]))))
        return islice(self._fresh(self._rng.permutation(near)), SAMPLE)

    def _fit(self, model: AdditiveLoss) -> None:
        choices, losses = self.evaluations()
        self._interplay.fit(choices[:, :-1], losses, model.predict(choices))

    def _with_floor(self, choices: Rows) -> Rows:
        return np.column_stack([choices, np.full(len(choices), self._floor)])
