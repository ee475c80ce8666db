"""Tables for hardware of some widths: what was scored, and what others promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from dse.search.bayes.acquisition import Acquisition
from dse.search.bayes.choices import Choice, Choices
from dse.search.bayes.model import Evaluations, Model
from dse.search.bayes.pool import merged
from dse.search.bayes.prediction import Prediction
from dse.space.widths import Widths

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

SAMPLE = 256
"""Choices next to the front that are looked at; and next to the best of these, in each round."""

ROUNDS, BEST, BETA = 2, 8, 3.0
"""Rounds; how many count as the best, for each addressing unit; and their UCB coefficient."""

KEPT = 32
"""Of the most promising, for each addressing unit, how many are looked at again the next time: a search from
what was best before goes farther than one from the front each time."""

LEAST_LOSS = 5
"""Of those with the least loss, how many count as near to the front: chance decides which is first."""


@dataclass(frozen=True)
class _View:
    """Choices that were not asked for, as the model sees them.

    Attributes:
        choices: (n, keys).
        units: The least addressing unit that serves each, (n,).
        losses: What the model says.
    """

    choices: Rows
    units: Rows
    losses: Prediction

    def __or__(self, other: _View) -> _View:
        """Return both, one after the other."""
        return _View(
            np.concatenate([self.choices, other.choices]),
            np.append(self.units, other.units),
            self.losses | other.losses,
        )

    def without(self, choice: Choice) -> _View:
        """Return all but this choice."""
        others = (self.choices != choice).any(axis=1)
        return _View(self.choices[others], self.units[others], self.losses.only(others))

    def promising(self, most: int) -> Rows:
        """Return those of the lowest bounds, at most `most` for each addressing unit."""
        order = np.argsort(self.losses.lower_bound(BETA))
        rows = [order[self.units[order] == unit][:most] for unit in np.unique(self.units)]
        return self.choices[np.concatenate(rows)] if rows else self.choices


@dataclass(frozen=True)
class Offer:
    """Choices that could be asked for.

    Attributes:
        choices: (n, keys).
        points: Of each, one a design: minus its loss, and costs, higher is better: (n, designs, 1 + costs).
    """

    choices: Rows
    points: Array

    @property
    def losses(self) -> Array:
        """What each loses, (n,)."""
        return -self.points[:, 0, 0]

    def only(self, some: NDArray[np.bool_]) -> Offer:
        """Return some of the choices, marked by (n,)."""
        return Offer(self.choices[some], self.points[some])


class Branch:
    """What is known of the choices of tables for hardware of some widths.

    Args:
        choices: All there are.
        chosen: The widths.
        floor: Which of all widths they are.
        rng: For draws.

    Attributes:
        floor: Which of all widths they are.
        scored: The loss of each choice that has one.
    """

    def __init__(self, choices: Choices, chosen: Widths, floor: int, rng: np.random.Generator) -> None:
        self.choices, self.chosen = choices, dict(chosen)
        self.scored: dict[Choice, float] = {}
        self._directions: dict[Choice, Array | None] = {}
        self.floor, self._rng = floor, rng
        self._asked: set[Choice] = set()
        self._view: _View | None = None
        self._due, self._fits = True, 0
        self._kept: Rows = np.empty((0, len(choices.specs)), np.intp)

    def learn(self, choice: Choice, loss: float | None, direction: Array | None = None) -> None:
        """Hear what a choice lost and where outputs moved, or that it was asked for and has no loss."""
        self._asked.add(choice)
        self.look_again()
        if self._view is not None:
            self._view = self._view.without(choice)
        if loss is not None:
            self.scored[choice] = loss
            self._directions[choice] = direction

    def look_again(self) -> None:
        """Draw anew for the first offers after the model's next fit."""
        self._due = True

    def asked(self, choice: Choice) -> bool:
        """Whether a choice was tried."""
        return choice in self._asked

    def evaluations(self) -> Evaluations:
        """Return what was scored; at least one choice was."""
        choices = self._with_floor(np.array(list(self.scored), np.intp))
        losses = np.array(list(self.scored.values()))
        return Evaluations(choices, losses, list(self._directions.values()))

    def offers(self, model: Model, best: Sequence[Choice], acquisition: Acquisition) -> list[Offer]:
        """Return choices that were not asked for, for each addressing unit that could be built.

        They are the unbeaten sums of shares of the loss, what differs from the best so far in one table, and
        what differs so from the most promising of these and of those looked at before. The same are looked at
        until `look_again` and a fit of the model, or until all were asked for.

        Args:
            model: Says what they lose.
            best: Choices on the front.
            acquisition: How their losses are looked at.
        """
        if not self.scored or not self.choices.units:
            return []
        if self._view is None or not len(self._view.choices) or (self._due and model.fits > self._fits):
            self._view = self._looked_at(model, best)
            self._kept = self._view.promising(KEPT)
            self._due, self._fits = False, model.fits
        view = self._view
        losses = np.exp(view.losses.lower_bound(acquisition.beta, acquisition.bold))
        served = [(unit, np.flatnonzero(view.units == i)) for i, unit in enumerate(self.choices.units)]
        return [
            Offer(view.choices[rows], self.choices.points(view.choices[rows], unit, losses[rows]))
            for unit, rows in served
        ]

    def expected_points(self, model: Model, choice: Choice, acquisition: Acquisition) -> Iterator[Array]:
        """Yield the points of a choice that is being scored, by its prediction: (designs, 1 + costs)."""
        rows = np.array([choice], np.intp)
        unit = int(self.choices.least_units(rows)[0])
        if unit < len(self.choices.units):
            loss = np.exp(model.predict(rows, self.floor).lower_bound(acquisition.beta, acquisition.bold))
            yield self.choices.points(rows, self.choices.units[unit], loss)[0]

    def _looked_at(self, model: Model, best: Sequence[Choice]) -> _View:
        shares = model.draw(self._rng)
        unbeaten = [merged(shares[:-1], self.choices.burdens, unit.serves) for unit in self.choices.units]
        least = sorted(self.scored, key=self.scored.__getitem__)[:LEAST_LOSS]
        near = self._near(np.array(list(dict.fromkeys([*best, *least]))))
        known = dict.fromkeys([*self._fresh(np.concatenate([*unbeaten, self._kept])), *near])
        view = self._seen(model, list(known))
        for _ in range(ROUNDS):
            near = self._near(view.promising(BEST))
            new = [choice for choice in dict.fromkeys(near) if choice not in known]
            known |= dict.fromkeys(new)
            view |= self._seen(model, new)
        return view

    def _seen(self, model: Model, choices: Sequence[Choice]) -> _View:
        """Return those of the choices that some unit serves, as the model sees them."""
        rows = np.array(choices, np.intp).reshape(-1, len(self.choices.specs))
        units = self.choices.least_units(rows)
        rows, units = (own[units < len(self.choices.units)] for own in (rows, units))
        return _View(rows, units, model.predict(rows, self.floor))

    def _near(self, choices: Rows) -> Iterator[Choice]:
        """Yield a sample of the fresh choices that differ from one of these in one key's table."""
        return islice(self._fresh(self._rng.permutation(self.choices.changed(choices))), SAMPLE)

    def _fresh(self, choices: Rows) -> Iterator[Choice]:
        """Yield those of the choices (n, keys) that were not asked for."""
        return (choice for choice in (tuple(row.tolist()) for row in choices) if choice not in self._asked)

    def _with_floor(self, choices: Rows) -> Rows:
        return np.column_stack([choices, np.full(len(choices), self.floor)])
