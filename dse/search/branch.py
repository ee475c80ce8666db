"""Tables for hardware of some widths: what was scored, and what others promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from dse.search.additive import AdditiveLoss
from dse.search.choices import Choice, Choices, Unit
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


@dataclass(frozen=True)
class _View:
    """Choices that were not asked for, as the models see them.

    Attributes:
        choices: (n, keys).
        sums: Of a draw of their shares, (n,).
        mean: How far from it their losses are expected, natural logarithms, (n,).
        spread: The standard deviation of that, (n,).
        served: The least addressing units that serve them, each with its rows.
    """

    choices: Rows
    sums: Array
    mean: Array
    spread: Array
    served: list[tuple[Unit, Rows]]


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
        self._view: _View | None = None
        self._interplay = Interplay(len(choices.specs))

    def learn(self, choice: Choice, loss: float | None) -> None:
        """Hear what a choice lost, or that it was asked for and has no loss."""
        self._asked.add(choice)
        self.look_again()
        if loss is not None:
            self.scored[choice] = loss

    def look_again(self) -> None:
        """Draw anew when offers are asked for next."""
        self._view = None

    def asked(self, choice: Choice) -> bool:
        """Whether a choice was tried."""
        return choice in self._asked

    def evaluations(self) -> tuple[Rows, Array]:
        """Return what was scored, (n, keys + 1) as `AdditiveLoss` has it, and its losses, (n,)."""
        return self._with_floor(np.array(list(self.scored), np.intp)), np.array(list(self.scored.values()))

    def offers(self, model: AdditiveLoss, best: Sequence[Choice], hope: Hope) -> Mapping[Choice, Array]:
        """Return choices that were not asked for, and the points of each: (designs, 1 + costs).

        They are the unbeaten sums of shares of the loss, for each addressing unit that could be built, and
        what differs from the best so far in one table. The same are looked at until `look_again`.

        Args:
            model: Gives the shares, which are drawn.
            best: Choices on the front.
            hope: How their losses are looked at.
        """
        if not self.scored or not self.choices.units:
            return {}
        if self._view is None:
            self._fit(model)
            self._view = self._looked_at(model.draw(self._rng), best)
        view = self._view
        losses = view.sums * np.exp(view.mean - hope.luck * view.spread)
        offers: dict[Choice, Array] = {}
        for unit, rows in view.served:
            points = self.choices.points(view.choices[rows], unit, losses[rows])
            offers |= dict(zip(map(tuple, view.choices[rows].tolist()), points, strict=True))
        return offers

    def _looked_at(self, shares: Sequence[Array], best: Sequence[Choice]) -> _View:
        unbeaten = [merged(shares[:-1], self.choices.burdens, unit.serves) for unit in self.choices.units]
        fresh = dict.fromkeys([*self._fresh(np.concatenate(unbeaten)), *self._near(best)])
        choices = np.array(list(fresh), np.intp).reshape(-1, len(self.choices.specs))
        known = zip(shares, self._with_floor(choices).T, strict=True)
        sums = np.asarray(sum(own[i] for own, i in known))
        return _View(choices, sums, *self._interplay.predict(choices), list(self.choices.served(choices)))

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
