"""Tables for hardware of some widths: what was scored, and what others promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from dse.search.choices import Choice, Choices, Unit
from dse.search.merging import merged
from dse.search.model import Evaluations, Model
from dse.search.promise import Hope
from dse.space.widths import Widths

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

SAMPLE = 256
"""Choices next to the front that are looked at; and next to the best of these, in each round."""

ROUNDS, BEST, LUCK = 2, 4, 3.0
"""Rounds; how many are the best, for each addressing unit; standard deviations of luck they are hoped to
have."""

LEAST_LOSS = 5
"""Of those with the least loss so many count as near to the front: chance decides which of them is first."""

NUMBERS = 512
"""Numbers of a direction that is drawn for a network that tells none."""


@dataclass(frozen=True)
class _View:
    """Choices that were not asked for, as the model sees them.

    Attributes:
        choices: (n, keys).
        mean: The logarithms of their losses as expected, (n,).
        spread: Their standard deviations, (n,).
    """

    choices: Rows
    mean: Array
    spread: Array

    def __or__(self, other: _View) -> _View:
        """Return both, one after the other."""
        return _View(
            np.concatenate([self.choices, other.choices]),
            np.append(self.mean, other.mean),
            np.append(self.spread, other.spread),
        )


class Branch:
    """What is known of the choices of tables for hardware of some widths.

    Args:
        choices: All there are.
        chosen: The widths.
        floor: Which of all widths they are.
        rng: For draws.

    Attributes:
        scored: The loss of each choice that has one.
    """

    def __init__(self, choices: Choices, chosen: Widths, floor: int, rng: np.random.Generator) -> None:
        self.choices, self.chosen = choices, dict(chosen)
        self.scored: dict[Choice, float] = {}
        self._directions: dict[Choice, Array] = {}
        self._floor, self._rng = floor, rng
        self._asked: set[Choice] = set()
        self._view: _View | None = None
        self._served: list[tuple[Unit, Rows]] = []

    def learn(self, choice: Choice, loss: float | None, direction: Array | None = None) -> None:
        """Hear what a choice lost and where outputs moved, or that it was asked for and has no loss."""
        self._asked.add(choice)
        self.look_again()
        if loss is not None:
            self.scored[choice] = loss
            self._directions[choice] = self._anywhere() if direction is None else direction

    def look_again(self) -> None:
        """Draw anew when offers are asked for next."""
        self._view = None

    def asked(self, choice: Choice) -> bool:
        """Whether a choice was tried."""
        return choice in self._asked

    def evaluations(self) -> Evaluations:
        """Return what was scored; at least one choice was."""
        choices = self._with_floor(np.array(list(self.scored), np.intp))
        losses = np.array(list(self.scored.values()))
        return Evaluations(choices, losses, list(self._directions.values()))

    def offers(self, model: Model, best: Sequence[Choice], hope: Hope) -> Mapping[Choice, Array]:
        """Return choices that were not asked for, and the points of each: (designs, 1 + costs).

        They are the unbeaten sums of shares of the loss, for each addressing unit that could be built, what
        differs from the best so far in one table, and what differs so from the most promising of these. The
        same are looked at until `look_again`.

        Args:
            model: Says what they lose.
            best: Choices on the front.
            hope: How their losses are looked at.
        """
        if not self.scored or not self.choices.units:
            return {}
        if self._view is None:
            self._view = self._looked_at(model, best)
            self._served = list(self.choices.served(self._view.choices))
        view = self._view
        losses = np.exp(view.mean - hope.luck * view.spread)
        offers: dict[Choice, Array] = {}
        for unit, rows in self._served:
            points = self.choices.points(view.choices[rows], unit, losses[rows])
            offers |= dict(zip(map(tuple, view.choices[rows].tolist()), points, strict=True))
        return offers

    def _looked_at(self, model: Model, best: Sequence[Choice]) -> _View:
        shares = model.draw(self._rng)
        unbeaten = [merged(shares[:-1], self.choices.burdens, unit.serves) for unit in self.choices.units]
        least = sorted(self.scored, key=self.scored.__getitem__)[:LEAST_LOSS]
        near = self._near(np.array(list(dict.fromkeys([*best, *least]))))
        known = dict.fromkeys([*self._fresh(np.concatenate(unbeaten)), *near])
        view = self._seen(model, list(known))
        for _ in range(ROUNDS):
            near = self._near(self._most_promising(view))
            new = [choice for choice in dict.fromkeys(near) if choice not in known]
            known |= dict.fromkeys(new)
            view |= self._seen(model, new)
        return view

    def _seen(self, model: Model, choices: Sequence[Choice]) -> _View:
        rows = np.array(choices, np.intp).reshape(-1, len(self.choices.specs))
        return _View(rows, *model.predict(rows, self._floor))

    def _most_promising(self, view: _View) -> Rows:
        """Return the choices of a view that lose least with luck, some for each addressing unit."""
        lucky = view.mean - LUCK * view.spread
        rows = [own[np.argsort(lucky[own])[:BEST]] for _, own in self.choices.served(view.choices)]
        return view.choices[np.concatenate(rows)]

    def _near(self, choices: Rows) -> Iterator[Choice]:
        """Yield a sample of the fresh choices that differ from one of these in one key's table."""
        return islice(self._fresh(self._rng.permutation(self.choices.changed(choices))), SAMPLE)

    def _fresh(self, choices: Rows) -> Iterator[Choice]:
        """Yield those of the choices (n, keys) that were not asked for."""
        return (choice for choice in (tuple(row.tolist()) for row in choices) if choice not in self._asked)

    def _with_floor(self, choices: Rows) -> Rows:
        return np.column_stack([choices, np.full(len(choices), self._floor)])

    def _anywhere(self) -> Array:
        direction = self._rng.standard_normal(NUMBERS)
        return np.asarray(direction / np.linalg.norm(direction))
