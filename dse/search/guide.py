"""Which tables to score next: those whose predicted loss and exact hardware cost promise the most.

A few evaluations place each function's level (the opening); then every choice of tables has a predicted loss
(`dse.search.additive`) and a cost. What tables need of the addressing unit costs once for all of them, so for
each unit that could be built the tables that it can serve are combined to the front of loss against cost
(`dse.search.merging`). Of all these combinations the one is chosen that adds most hypervolume to what was
scored, for losses drawn from the model's posterior (Thompson sampling: Thompson, Biometrika 25, 1933). So
what is uncertain is tried, and workers that choose at once choose differently.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import TrialPruned

from accel_models import Design, Workload, needs
from dse.config.constraints import Constraint
from dse.figures import HARDWARE, QUALITY, Figure
from dse.pareto import hypervolume, non_dominated
from dse.score import Network
from dse.search.additive import LEAST, AdditiveLoss
from dse.search.hardware import Hardware
from dse.search.merging import merged
from dse.space import Space, Tables
from dse.space.widths import Widths

Array = NDArray[np.float64]
Need = tuple[int, int]
"""What a table asks of the addressing unit: its kind and its trees' segments; a larger one serves too."""


BOLDNESS = (1.0,) * 6 + (1.5,) * 3 + (2.5,) * 3
"""Posterior draws that are tried until one promises a gain: how far each is spread."""


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
        self._space, self._network, self._hardware, self._rng = space, network, hardware, rng
        self._costs = [figure for figure in objectives if figure in HARDWARE]
        self._limits = [limit for limit in limits if limit.figure in QUALITY]
        self._keys = list(space.keys)
        self._specs = {key: space.specs(key) for key in self._keys}
        self._index = {key: {_text(s): i for i, s in enumerate(self._specs[key])} for key in self._keys}
        self._asked: set[tuple[int, ...]] = set()
        self._scored: dict[tuple[int, ...], float] = {}
        self._points: list[tuple[Array, tuple[int, ...] | None]] = []

    def learn(self, tables: Tables, figures: Mapping[str, Any] | None) -> None:
        """Hear of a trial: its tables, and its figures if it has some."""
        choice = tuple(self._index[key][_text(tables[key])] for key in self._keys)
        self._asked.add(choice)
        if figures is None:
            return
        self._scored[choice] = loss_of(figures)
        self.learn_point(figures, choice)

    def learn_point(self, figures: Mapping[str, Any], choice: tuple[int, ...] | None = None) -> None:
        """Hear of a trial, of other widths if it has no choice: what it reached need not be reached again."""
        loss = loss_of(figures)
        if all(limit.violation(figures[limit.figure.name]) <= 0 for limit in self._limits):
            point = np.array([-loss, *(f.sign * figures[f.name] for f in self._costs)])
            self._points.append((point, choice))

    def propose(self) -> Tables | None:
        """Return tables that were not asked for yet.

        Where the model promises no gain, they are near what is on the front: what it does not see, functions
        that make up for each other, is found there. None where all of that was asked for.
        """
        if opening := [choice for choice in self._opening if choice not in self._asked]:
            return self._tables(opening[0])
        if not self._scored or not self._units:
            return None
        self._model.fit(np.array(list(self._scored)), np.array(list(self._scored.values())))
        front = self._front()
        scales = (_linear, _logarithmic) if len(self._scored) % 2 else (_logarithmic, _linear)
        fronts = [(scale, scale(front)) for scale in scales]
        for boldness in BOLDNESS:
            choices, points = self._candidates(*self._model.draw(self._rng, boldness))
            for scale, scaled in fronts:
                if (chosen := _most_promising([scale(own) for own in points], scaled)) is not None:
                    return self._tables(choices[chosen])
        return self._neighbour()

    def _neighbour(self) -> Tables | None:
        """Return one of the front's choices with one key's table changed, at random."""
        near = [
            (*choice[:k], i, *choice[k + 1 :])
            for choice in {choice for _, choice in self._points if choice}
            for k, key in enumerate(self._keys)
            for i in range(len(self._specs[key]))
        ]
        fresh = sorted(set(near) - self._asked)
        return self._tables(fresh[self._rng.integers(len(fresh))]) if fresh else None

    def _front(self) -> Array:
        """Return the unbeaten ones of the points so far, and forget the others.

        Losses then count as they are or by their logarithms, and the two take turns: the objectives' own
        scale hardly sees what happens near the original network, the logarithm looks at all magnitudes alike.
        """
        points = np.array([point for point, _ in self._points]).reshape(-1, 1 + len(self._costs))
        unbeaten = non_dominated(points)
        self._points = [self._points[row] for row in np.arange(len(points))[unbeaten]]
        return points[unbeaten]

    def _candidates(self, shares: list[Array], floor: float) -> tuple[list[tuple[int, ...]], list[Array]]:
        """Return promising choices that were not asked for, and the points of each: (designs, 1 + costs)."""
        found: dict[tuple[int, ...], Array] = {}
        burdens = [-self._costs[0].sign * extra[:, 0] for extra in self._extras]
        for allowed, standard, base in self._units:  # the least unit that serves a choice comes first
            choices = merged(shares, burdens, allowed)
            losses = floor + sum(own[i] for own, i in zip(shares, choices.T, strict=True))
            extras = sum(own[i] - own[j] for own, i, j in zip(self._extras, choices.T, standard, strict=True))
            for choice, loss, extra in zip(map(tuple, choices.tolist()), losses, extras, strict=True):
                if choice not in self._asked and choice not in found and self._may_keep_to_limits(loss):
                    found[choice] = np.column_stack([np.full(len(base), -loss), base * np.exp(extra)])
        return list(found), list(found.values())

    def _may_keep_to_limits(self, loss: float) -> bool:
        return all(
            limit.figure.name not in _FROM_LOSS or limit.violation(_FROM_LOSS[limit.figure.name](loss)) <= 0
            for limit in self._limits
        )

    @cached_property
    def _opening(self) -> list[tuple[int, ...]]:
        """The finest tables of each placement, then each function at its middling table, all else finest."""
        finest = [self._finest(placement) for placement in self._space.config.approximation.placement]
        best = min(finest, key=lambda choice: sum(e[i] for e, i in zip(self._errors, choice, strict=True)))
        probes = []
        for function in dict.fromkeys(self._space.keys.values()):
            probe = list(best)
            for k, key in enumerate(self._keys):
                if self._space.keys[key] == function:
                    probe[k] = int(np.argsort(self._errors[k], kind="stable")[len(self._errors[k]) // 2])
            probes.append(tuple(probe))
        return list(dict.fromkeys([*finest, *probes]))

    def _finest(self, placement: str) -> tuple[int, ...]:
        """Each key's table of least error with this placement, or of any where it has not got it."""
        choice = []
        for key, errors in zip(self._keys, self._errors, strict=True):
            able = [i for i, spec in enumerate(self._specs[key]) if spec["placement"] == placement]
            choice.append(min(able or range(len(errors)), key=lambda i: errors[i]))
        return tuple(choice)

    @cached_property
    def _errors(self) -> list[list[float]]:
        return [[self._network.table_error(key, spec) for spec in self._specs[key]] for key in self._keys]

    @cached_property
    def _model(self) -> AdditiveLoss:
        errors = dict(zip(self._keys, self._errors, strict=True))
        return AdditiveLoss(self._space.keys, self._specs, errors)

    @cached_property
    def _needs(self) -> list[list[Need]]:
        """What each key's choices ask of the addressing unit."""
        known: dict[tuple[int, str], Need] = {}
        for spec in (spec for specs in self._specs.values() for spec in specs):
            shape = (spec["segments"], spec["placement"])
            if shape not in known:
                known[shape] = _need(self._network.workload(dict.fromkeys(self._keys, spec)))
        return [[known[s["segments"], s["placement"]] for s in self._specs[key]] for key in self._keys]

    @cached_property
    def _units(self) -> list[tuple[list[NDArray[np.bool_]], tuple[int, ...], Array]]:
        """The addressing units that could be built, each with what it serves and costs.

        For each: which choices it serves; the most demanding of them; and the best designs' costs with those,
        (designs, costs), signed so that higher is better.
        """
        units = []
        least = max(min(own) for own in self._needs)
        for need in sorted({n for own in self._needs for n in own if n >= least}):
            allowed = [np.array([n <= need for n in own]) for own in self._needs]
            standard = tuple(
                int(
                    max(
                        np.flatnonzero(own),
                        key=lambda i: (self._needs[k][i], self._specs[key][i]["segments"]),
                    )
                )
                for k, (key, own) in enumerate(zip(self._keys, allowed, strict=True))
            )
            workload = self._network.workload(self._tables(standard))
            try:
                rows = self._hardware.best_rows(workload)
            except TrialPruned:  # no design within the constraints has such a unit
                continue
            costs = self._hardware.costs(workload, rows)[[f.name for f in self._costs]].to_numpy(float)
            units.append((allowed, standard, costs * [f.sign for f in self._costs]))
        return units

    @cached_property
    def _extras(self) -> list[Array]:
        """What each choice of each key costs beside the others, logarithms: (choices, costs) a key.

        Measured on one design, all other tables as the largest unit's most demanding.
        """
        _, standard, _ = self._units[-1]
        tables = self._tables(standard)
        row = self._hardware.best_rows(self._network.workload(tables))[:1]
        known: dict[tuple[str, int, str], Array] = {}
        for key, spec in ((k, s) for k in self._keys for s in self._specs[k]):
            shape = (key, spec["segments"], spec["placement"])
            if shape not in known:
                costs = self._hardware.costs(self._network.workload({**tables, key: spec}), row)
                known[shape] = np.log(costs[[f.name for f in self._costs]].to_numpy(float)[0])
        return [
            np.nan_to_num([known[key, s["segments"], s["placement"]] for s in self._specs[key]])
            for key in self._keys
        ]

    def _tables(self, choice: Sequence[int]) -> Tables:
        return {key: self._specs[key][i] for key, i in zip(self._keys, choice, strict=True)}


def loss_of(figures: Mapping[str, Any]) -> float:
    """Return the figure that adds up over functions: the KL divergence, or a cosine's distance from 1."""
    return float(figures["kl_divergence"] if "kl_divergence" in figures else 1.0 - figures["cosine"])


_FROM_LOSS: Mapping[str, Callable[[float], float]] = {
    "kl_divergence": float,
    "fidelity": lambda loss: math.exp(-loss),
    "cosine": lambda loss: 1.0 - loss,
}
"""Figures of quality that the loss tells."""


def _most_promising(new: list[Array], front: Array) -> int | None:
    """Return which of the new sets of points adds most hypervolume to a front, if any does."""
    better = [i for i, own in enumerate(new) if _some_unbeaten(own, front)]
    if not better:
        return None
    everything = np.concatenate([front, *(new[i] for i in better)])
    low, high = everything.min(axis=0), everything.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    front, reference = (front - low) / width, np.full(front.shape[1], -0.01)
    gains = [hypervolume(np.concatenate([front, (new[i] - low) / width]), reference) for i in better]
    return better[int(np.argmax(gains))]


def _some_unbeaten(points: Array, front: Array) -> bool:
    """Whether no point of the front is at least as good as one of the points in everything."""
    return bool((~(front[:, None] >= points).all(axis=-1).any(axis=0)).any())


def _linear(points: Array) -> Array:
    return np.column_stack([np.exp(points[:, 0]), points[:, 1:]])


def _logarithmic(points: Array) -> Array:
    return np.column_stack([-np.log(np.maximum(-points[:, 0], LEAST)), points[:, 1:]])


def _need(workload: Workload) -> Need:
    asked = needs(workload)
    kinds = Design.rules()["addressing"].options  # type: ignore[union-attr]  # in ascending order
    return kinds.index(asked["addressing"]), asked["max_segments"]


def _text(spec: Mapping[str, Any]) -> str:
    return json.dumps(spec, sort_keys=True)
