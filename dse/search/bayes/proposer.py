"""Which tables to score next, and for which widths: those whose predicted loss and exact cost promise most.

A few evaluations place each function's level (the opening); then every choice of tables has a predicted
loss (`model`) and a cost. What tables need of the addressing unit costs once for all of them, so for each
unit that could be built the tables that it can serve are combined to the front of loss against cost
(`pool`), for shares of the loss drawn from their posterior (Thompson sampling: Thompson, Biometrika 25,
1933). Of these combinations, of what promised most before, and of those next to them and to the best so
far, the one is chosen that adds most hypervolume to what was scored, if its loss is as low as it may be (an
upper confidence bound: Srinivas et al., ICML 2010). So what is uncertain is tried.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.directions import DIRECTION, unpack
from dse.metrics import HARDWARE, QUALITY, Metric
from dse.pareto import non_dominated
from dse.search.bayes.acquisition import FROM_LOSS, Acquisition, linear, logarithmic, loss_of, most_promising
from dse.search.bayes.branch import Branch
from dse.search.bayes.choices import Choice
from dse.search.bayes.model import Model
from dse.space import Tables
from dse.space.widths import Widths
from dse.study_file.constraints import Constraint

Array = NDArray[np.float64]
Proposal = tuple[Branch, Choice]

OPTIMISTIC, BOLD = Acquisition(linear, 3.0), Acquisition(linear, 3.0, bold=True)
PLAIN, OTHERS = Acquisition(logarithmic, 0.0), Acquisition(logarithmic, 2.0, fewest=True, bold=True)
TURNS = (OPTIMISTIC, OPTIMISTIC, PLAIN, OPTIMISTIC, BOLD, OTHERS)
"""One evaluation after the other: most look for what the objectives see, some at all magnitudes alike, and of
these some for widths that the others leave out: where tables move outputs is told by all widths. Two of them
try tables of which little is known; were it all of them, the first evaluations would be spent on that."""

EACH, WAITING = 300, 25
"""The model is refitted after each of the first `EACH` evaluations. Then it waits, for one more with every
`WAITING` further ones: it knows most of what they tell, and fitting it takes longer than all else."""

BOLDER = (Acquisition(linear, 4.0), Acquisition(linear, 6.0), Acquisition(linear, 12.0))
"""What is tried where no candidate adds hypervolume, until one does."""


class Proposer:
    """Proposes tables and widths from all that was scored so far.

    Args:
        branches: One for each choice of widths.
        objectives: What is traded off; at least one figure of quality and one of hardware.
        limits: Constraints.
        rng: For draws.
    """

    def __init__(
        self,
        branches: Sequence[Branch],
        objectives: Sequence[Metric],
        limits: Sequence[Constraint],
        rng: np.random.Generator,
    ) -> None:
        self._branches, self._rng = branches, rng
        self._costs = [figure for figure in objectives if figure in HARDWARE]
        self._limits = [limit for limit in limits if limit.figure in QUALITY]
        self._points: list[tuple[Array, Branch, Choice]] = []
        self._expected: dict[tuple[int, Choice], Branch] = {}
        self._due = 1

    def expect(self, tables: Tables, chosen: Widths) -> None:
        """Hear that tables and widths are being scored: they count as known with their prediction."""
        if (branch := self._branch(chosen)) is not None:
            choice = branch.choices.choice(tables)
            branch.learn(choice, None)
            self._expected[branch.floor, choice] = branch

    def learn(self, tables: Tables, chosen: Widths, figures: Mapping[str, Any] | None) -> None:
        """Hear of a trial that ended: its tables and widths, and its figures if it has some."""
        if (branch := self._branch(chosen)) is None:
            return
        choice = branch.choices.choice(tables)
        self._expected.pop((branch.floor, choice), None)
        if figures is None:
            branch.learn(choice, None)
            return
        told = figures.get(DIRECTION)
        branch.learn(choice, loss_of(figures), unpack(told) if told else None)
        if all(limit.violation(figures[limit.figure.name]) <= 0 for limit in self._limits):
            point = [-loss_of(figures), *(f.sign * figures[f.name] for f in self._costs)]
            self._points.append((np.array(point), branch, choice))

    def propose(self) -> tuple[Tables, Widths] | None:
        """Return tables and widths that were not asked for yet, or None where none is left to offer."""
        proposed = next(self._opening(), None) or self._promising()
        if proposed is None:
            return None
        branch, choice = proposed
        return branch.choices.tables(choice), branch.chosen

    def _branch(self, chosen: Widths) -> Branch | None:
        return next((branch for branch in self._branches if branch.chosen == chosen), None)

    def _opening(self) -> Iterator[Proposal]:
        """Yield what places the models' levels, a width after the other."""
        in_turn = zip(*([(b, c) for c in b.choices.opening] for b in self._branches), strict=True)
        for branch, choice in itertools.chain.from_iterable(in_turn):
            if not branch.asked(choice):
                yield branch, choice

    def _promising(self) -> Proposal | None:
        """Return what adds most hypervolume; where nothing adds any, whatever was not asked for yet."""
        self._fit()
        front, left = self._front(), []
        turn = (self._scored + len(self._expected)) % len(TURNS)
        if turn == 0:  # widths that promise nothing are drawn anew too, though nothing was learned of them
            for branch in self._branches:
                branch.look_again()
        for acquisition in (TURNS[turn], *BOLDER):
            offers = [
                (branch, offer.only(self._may_keep_to_limits(offer.losses)))
                for branch in self._looked_at(acquisition)
                for offer in branch.offers(self._model, self._best(branch), acquisition)
            ]
            left = [(branch, offer.choices) for branch, offer in offers if len(offer.choices)]
            reached = np.concatenate([front, *self._expected_points(acquisition)])
            best = most_promising([offer.points for _, offer in offers], reached, acquisition.scale)
            if best is not None:
                branch, offer = offers[best[0]]
                return branch, tuple(offer.choices[best[1]].tolist())
        return (left[0][0], tuple(left[0][1][0].tolist())) if left else None

    def _looked_at(self, acquisition: Acquisition) -> Sequence[Branch]:
        return (
            [min(self._branches, key=lambda own: len(own.scored))] if acquisition.fewest else self._branches
        )

    def _fit(self) -> None:
        """Fit the model, if it is due."""
        if (scored := self._scored) >= self._due:
            self._model.fit([branch.evaluations() for branch in self._branches if branch.scored])
            self._due = scored + 1 + max(0, scored - EACH) // WAITING

    @property
    def _scored(self) -> int:
        return sum(len(branch.scored) for branch in self._branches)

    @cached_property
    def _model(self) -> Model:
        return Model(self._branches[0].choices, len(self._branches))

    def _best(self, branch: Branch) -> list[Choice]:
        return sorted({choice for _, own, choice in self._points if own is branch})

    def _front(self) -> Array:
        """Return the unbeaten ones of the points so far, (points, 1 + costs), and forget the others."""
        points = np.array([point for point, *_ in self._points]).reshape(-1, 1 + len(self._costs))
        unbeaten = non_dominated(points)
        self._points = [self._points[row] for row in np.flatnonzero(unbeaten)]
        return np.asarray(points[unbeaten])

    def _may_keep_to_limits(self, losses: Array) -> NDArray[np.bool_]:
        """Mark the losses, (n,), with which no figure of quality that they tell misses its limit."""
        kept = np.ones(len(losses), dtype=bool)
        for limit in self._limits:
            if limit.figure.name in FROM_LOSS:
                kept &= limit.met(FROM_LOSS[limit.figure.name](losses))
        return kept

    def _expected_points(self, acquisition: Acquisition) -> Iterator[Array]:
        """Yield the points of what is being scored, (designs, 1 + costs), by its prediction.

        With the UCB coefficient of the candidates: a neighbour that would be as good then adds little.
        """
        if self._model.fits:
            for (_, choice), branch in self._expected.items():
                yield from branch.expected_points(self._model, choice, acquisition)
