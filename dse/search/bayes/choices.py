"""All choices of tables, and what each costs: the addressing unit once for all of them, the rest by itself.

A choice is a number a key: which of the key's tables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import TrialPruned

from accel_models import Design, Workload, needs
from dse.evaluate import Network
from dse.metrics import Metric
from dse.search.design_grid.hardware import Hardware
from dse.space import Space, Tables

Array = NDArray[np.float64]
Choice = tuple[int, ...]
Need = tuple[int, int]
"""What a table asks of the addressing unit: its kind and its trees' segments; a larger one serves too."""


@dataclass(frozen=True)
class Unit:
    """An addressing unit that could be built.

    Attributes:
        serves: Which choices of each key it serves.
        standard: The most demanding of them.
        costs: Those of the best designs with these, (designs, costs), signed so that higher is better.
    """

    serves: list[NDArray[np.bool_]]
    standard: Choice
    costs: Array


class Choices:
    """The choices of tables of a study, for hardware of some widths.

    Args:
        space: What can be chosen.
        network: Gives workloads, and errors of tables.
        hardware: Gives costs.
        figures: The costs that are traded off.
    """

    def __init__(self, space: Space, network: Network, hardware: Hardware, figures: Sequence[Metric]) -> None:
        self._network, self._hardware, self._figures = network, hardware, figures
        self.functions, self.placements = space.tables.keys, space.config.approximation.placement
        self.specs = {key: space.tables.specs(key) for key in space.tables.keys}
        self._index = {key: {_text(s): i for i, s in enumerate(own)} for key, own in self.specs.items()}

    def choice(self, tables: Tables) -> Choice:
        """Return which choice some tables are."""
        return tuple(self._index[key][_text(tables[key])] for key in self.specs)

    def tables(self, choice: Sequence[int]) -> Tables:
        """Return the tables of a choice."""
        return {key: own[i] for (key, own), i in zip(self.specs.items(), choice, strict=True)}

    def changed(self, choices: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return choices that differ from one of these (n, keys) in one key's table; some come twice."""
        parts = []
        for k, own in enumerate(self.specs.values()):
            part = np.repeat(choices, len(own), axis=0)
            part[:, k] = np.tile(np.arange(len(own)), len(choices))
            parts.append(part)
        return np.concatenate(parts)

    @cached_property
    def curves(self) -> list[Array]:
        """Errors of each key's tables at inputs that it sees: (choices, points) a key."""
        return [
            np.array([self._network.errors.of(key, spec) for spec in own]) for key, own in self.specs.items()
        ]

    def parts(self, key: str) -> NDArray[np.intp]:
        """Return site and range of these inputs; see `dse.evaluate.Network.input_parts`."""
        return self._network.errors.parts(key)

    @cached_property
    def errors(self) -> list[Array]:
        """Mean squared errors of each key's tables."""
        return [(own**2).sum(axis=1) for own in self.curves]

    @cached_property
    def opening(self) -> list[Choice]:
        """The finest tables of each placement, then each function at its middling table, all else finest."""
        finest = [self._finest(placement) for placement in self.placements]
        best = min(finest, key=lambda choice: sum(e[i] for e, i in zip(self.errors, choice, strict=True)))
        probes = []
        for function in dict.fromkeys(self.functions.values()):
            probe = list(best)
            for k, key in enumerate(self.specs):
                if self.functions[key] == function:
                    probe[k] = int(np.argsort(self.errors[k], kind="stable")[len(self.errors[k]) // 2])
            probes.append(tuple(probe))
        return list(dict.fromkeys([*finest, *probes]))

    def _finest(self, placement: str) -> Choice:
        """Each key's table of least error with this placement, or of any where it has not got it."""
        choice = []
        for own, errors in zip(self.specs.values(), self.errors, strict=True):
            able = [i for i, spec in enumerate(own) if spec["placement"] == placement]
            choice.append(min(able or range(len(errors)), key=lambda i: errors[i]))
        return tuple(choice)

    @cached_property
    def units(self) -> list[Unit]:
        """The addressing units that could be built, the least first."""
        least = max(min(own) for own in self._needs)
        found = (self._unit(need) for need in sorted({n for own in self._needs for n in own if n >= least}))
        return [unit for unit in found if unit is not None]

    def _unit(self, need: Need) -> Unit | None:
        """Return a unit, or None where no design within the constraints has it."""
        serves = [np.array([n <= need for n in own]) for own in self._needs]
        standard = tuple(
            int(max(np.flatnonzero(served), key=lambda i: (needs[i], own[i]["segments"])))
            for served, needs, own in zip(serves, self._needs, self.specs.values(), strict=True)
        )
        workload = self._network.workload(self.tables(standard))
        try:
            rows = self._hardware.best_rows(workload)
        except TrialPruned:
            return None
        return Unit(serves, standard, self._costs(workload, rows) * [f.sign for f in self._figures])

    @cached_property
    def _needs(self) -> list[list[Need]]:
        """What each key's choices ask of the addressing unit."""
        known: dict[tuple[int, str], Need] = {}
        for spec in (spec for own in self.specs.values() for spec in own):
            shape = (spec["segments"], spec["placement"])
            if shape not in known:
                known[shape] = _need(self._network.workload(dict.fromkeys(self.specs, spec)))
        return [[known[s["segments"], s["placement"]] for s in own] for own in self.specs.values()]

    @cached_property
    def extras(self) -> list[Array]:
        """What each choice of each key costs beside the others, logarithms: (choices, costs) a key.

        Measured on one design, all other tables as the largest unit's most demanding.
        """
        tables = self.tables(self.units[-1].standard)
        row = self._hardware.best_rows(self._network.workload(tables))[:1]
        known: dict[tuple[str, int, str], Array] = {}
        for key, spec in ((key, spec) for key, own in self.specs.items() for spec in own):
            shape = (key, spec["segments"], spec["placement"])
            if shape not in known:
                known[shape] = np.log(self._costs(self._network.workload({**tables, key: spec}), row)[0])
        return [
            np.nan_to_num([known[key, s["segments"], s["placement"]] for s in own])
            for key, own in self.specs.items()
        ]

    @cached_property
    def burdens(self) -> list[Array]:
        """What each choice of each key adds to the first cost, lower is better: (choices,) a key."""
        return [-self._figures[0].sign * extra[:, 0] for extra in self.extras]

    def least_units(self, choices: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return which of the units is the least that serves each of the choices (n, keys): (n,).

        It is their number, one beyond the last, where none does.
        """
        found = np.full(len(choices), len(self.units))
        for number, unit in reversed(list(enumerate(self.units))):
            able = [own[i] for own, i in zip(unit.serves, choices.T, strict=True)]
            found[np.all(able, axis=0)] = number
        return found

    def points(self, choices: NDArray[np.intp], unit: Unit, losses: Array) -> Array:
        """Return the points of choices (n, keys) with a unit that serves them: (n, designs, 1 + costs)."""
        extras = sum(own[i] - own[j] for own, i, j in zip(self.extras, choices.T, unit.standard, strict=True))
        costs = unit.costs * np.exp(extras)[:, None]
        return np.concatenate(
            [np.broadcast_to(-losses[:, None, None], (*costs.shape[:2], 1)), costs], axis=-1
        )

    def _costs(self, workload: Workload, rows: Sequence[int]) -> Array:
        costs = self._hardware.costs(workload, rows)[[figure.name for figure in self._figures]]
        return np.asarray(costs.to_numpy(float))


def _need(workload: Workload) -> Need:
    asked = needs(workload)
    kinds = Design.rules()["addressing"].options  # type: ignore[union-attr]  # in ascending order
    return kinds.index(asked["addressing"]), asked["max_segments"]


def _text(spec: Mapping[str, Any]) -> str:
    return json.dumps(spec, sort_keys=True)
