"""Which tables to score next: those whose predicted loss and exact hardware cost promise the most.

A few evaluations place each function's level (the opening); then every choice of tables has a predicted loss
(`dse.search.additive`) and a cost. What tables need of the addressing unit costs once for all of them, so for
each unit that could be built the tables that it can serve are combined to the front of loss against cost
(`dse.search.merging`). Of all these combinations the one is chosen that adds most hypervolume to what was
scored, for losses drawn from the model's posterior (Thompson sampling: Thompson, Biometrika 25, 1933). So
what is uncertain is tried, and workers that choose at once choose differently. Where nothing promises a gain
any more, what lies next to the front is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.config.constraints import Constraint
from dse.figures import HARDWARE, QUALITY, Figure
from dse.pareto import non_dominated
from dse.score import Network
from dse.search.additive import AdditiveLoss
from dse.search.choices import Choice, Choices
from dse.search.hardware import Hardware
from dse.search.merging import merged
from dse.search.promise import FROM_LOSS, linear, logarithmic, loss_of, most_promising
from dse.space import Space, Tables
from dse.space.widths import Widths

Array = NDArray[np.float64]

BOLDNESS = (1.0,) * 6 + (1.5,) * 3 + (2.5,) * 3
"""Posterior draws that are tried until one promises a gain: how far each is spread."""

DOUBT = 0.15
"""Standard deviation of what the model misses near the front, natural logarithm of the loss: with words of
eight bits, tables that it takes for equal differ by 10 % on BERT for digits."""

SAMPLE = 256
"""Choices next to the front that are looked at."""


class Guide:
    """Proposes tables from all that was scored so far.

    Args:
        space: What can be chosen.
        network: Gives workloads, and errors of tables.
        hardware: Gives costs.
        objectives: What is traded off; at least one figure of quality and one of hardware.
        limits: Constraints.
        rng: For draws.
        chosen: The widths that the hardware has, for which it proposes tables.
    """

    def __init__(
        self,
        space: Space,
        network: Network,
        hardware: Hardware,
        objectives: Sequence[Figure],
        limits: Sequence[Constraint],
        rng: np.random.Generator,
        chosen: Widths | None = None,
    ) -> None:
        self.chosen = dict(chosen or {})
        self._rng = rng
        self._costs = [figure for figure in objectives if figure in HARDWARE]
        self._limits = [limit for limit in limits if limit.figure in QUALITY]
        self._choices = Choices(space, network, hardware, self._costs)
        self._asked: set[Choice] = set()
        self._scored: dict[Choice, float] = {}
        self._points: list[tuple[Array, Choice | None]] = []

    def learn(self, tables: Tables, figures: Mapping[str, Any] | None) -> None:
        """Hear of a trial: its tables, and its figures if it has some."""
        choice = self._choices.choice(tables)
        self._asked.add(choice)
        if figures is None:
            return
        self._scored[choice] = loss_of(figures)
        self.learn_point(figures, choice)

    def learn_point(self, figures: Mapping[str, Any], choice: Choice | None = None) -> None:
        """Hear of a trial, of other widths if it has no choice: what it reached need not be reached again."""
        if all(limit.violation(figures[limit.figure.name]) <= 0 for limit in self._limits):
            point = np.array([-loss_of(figures), *(f.sign * figures[f.name] for f in self._costs)])
            self._points.append((point, choice))

    def propose(self, number: int = 0) -> Tables | None:
        """Return tables that were not asked for yet, or None where next to the front all were.

        Args:
            number: Which proposal this is: workers that open a study at once begin at different places.
        """
        if opening := [choice for choice in self._choices.opening[number:] if choice not in self._asked]:
            return self._choices.tables(opening[0])
        if not self._scored or not self._choices.units:
            return None
        self._model.fit(np.array(list(self._scored)), np.array(list(self._scored.values())))
        front = self._front()
        scales = (linear, logarithmic) if len(self._scored) % 2 else (logarithmic, linear)  # they take turns
        for boldness in BOLDNESS:
            candidates = self._candidates(*self._model.draw(self._rng, boldness))
            if (best := most_promising(list(candidates.values()), front, scales)) is not None:
                return self._choices.tables(list(candidates)[best])
        near = dict(self._near())
        best = most_promising(list(near.values()), front, scales) or 0
        return self._choices.tables(list(near)[best]) if near else None

    def _front(self) -> Array:
        """Return the unbeaten ones of the points so far, (points, 1 + costs), and forget the others."""
        points = np.array([point for point, _ in self._points]).reshape(-1, 1 + len(self._costs))
        unbeaten = non_dominated(points)
        self._points = [self._points[row] for row in np.arange(len(points))[unbeaten]]
        return np.asarray(points[unbeaten])

    def _near(self) -> Iterator[tuple[Choice, Array]]:
        """Yield choices that differ from one of the front's in one key's table, a sample, with their points.

        A model of single functions does not see how functions make up for each other: each choice's loss is
        taken to be less than the model's by a factor drawn for it.
        """
        best = sorted({choice for _, choice in self._points if choice})
        if not best:
            return
        near = map(tuple, self._rng.permutation(self._choices.changed(np.array(best))).tolist())
        fresh = np.array(
            list(islice((c for c in dict.fromkeys(near) if c not in self._asked), SAMPLE)), np.intp
        )
        fresh = fresh.reshape(-1, len(best[0]))
        shares, floor = self._model.draw(self._rng)
        losses = _losses(fresh, shares, floor) * np.exp(-DOUBT * abs(self._rng.standard_normal(len(fresh))))
        for unit in self._choices.units:  # the least unit that serves a choice comes first
            served = np.all([own[i] for own, i in zip(unit.serves, fresh.T, strict=True)], axis=0)
            points = self._choices.points(fresh[served], unit, losses[served])
            yield from zip(map(tuple, fresh[served].tolist()), points, strict=True)
            fresh, losses = fresh[~served], losses[~served]

    def _candidates(self, shares: list[Array], floor: float) -> dict[Choice, Array]:
        """Return promising choices that were not asked for, and the points of each: (designs, 1 + costs)."""
        found: dict[Choice, Array] = {}
        for unit in self._choices.units:  # the least unit that serves a choice comes first
            choices = merged(shares, self._choices.burdens, unit.serves)
            losses = _losses(choices, shares, floor)
            points = self._choices.points(choices, unit, losses)
            for choice, loss, own in zip(map(tuple, choices.tolist()), losses, points, strict=True):
                if choice not in self._asked and choice not in found and self._may_keep_to_limits(loss):
                    found[choice] = own
        return found

    def _may_keep_to_limits(self, loss: float) -> bool:
        return all(
            limit.figure.name not in FROM_LOSS or limit.violation(FROM_LOSS[limit.figure.name](loss)) <= 0
            for limit in self._limits
        )

    @cached_property
    def _model(self) -> AdditiveLoss:
        errors = dict(zip(self._choices.specs, self._choices.errors, strict=True))
        return AdditiveLoss(self._choices.functions, self._choices.specs, errors)


def _losses(choices: NDArray[np.intp], shares: Sequence[Array], floor: float) -> Array:
    """Return the predicted loss of each of the choices (n, keys)."""
    return np.asarray(floor + sum(own[i] for own, i in zip(shares, choices.T, strict=True)))
