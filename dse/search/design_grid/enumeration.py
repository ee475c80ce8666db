"""All designs of a grid: the front, the best for each network, main effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dse.metrics import Metric
from dse.search.design_grid.costs import NAMES, Costs, Found
from dse.search.design_grid.effects import Effects
from dse.search.design_grid.front import Front, points
from dse.search.design_grid.grid import Grid, Numbers
from dse.search.design_grid.parts import Parts
from dse.study_file import Constraint

CHUNK = 65_536
"""Designs that are evaluated at a time: some 100 MB while they are."""

REASONS = 5
"""Reasons for which designs are refused that are told, the most frequent."""

OnChunk = Callable[[int, int], None]
"""Hears how many designs are done, and of how many."""


@dataclass
class Enumerated:
    """What was found of a grid.

    Attributes:
        grid: The designs.
        objectives: What is traded off.
        constraints: What a design must keep to.
        designs: How many were evaluated; those that differ in a field that does not apply count once.
        possible: How many of them can run all networks.
        feasible: How many of those keep to the constraints.
        refused: How many were refused, by reason.
        excluded: How many of the possible ones each constraint excludes.
        front: Those that no other beats.
        best: For each network the number and the metric of the design that is best in the first objective.
        effects: Which share of each metric's variance each field explains.
    """

    grid: Grid
    objectives: Sequence[Metric]
    constraints: Sequence[Constraint] = ()
    designs: int = 0
    possible: int = 0
    feasible: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)
    best: dict[str, tuple[int, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.front, self.effects = Front(self.objectives), Effects(self.grid, NAMES)

    def add(self, numbers: Numbers, found: Found) -> None:
        """Take in the metrics of some designs."""
        self.designs += len(numbers)
        self.refused.update(reason for reason in found.reason if reason)
        able = found.together[(found.reason == "").to_numpy()]
        self.possible += len(able)
        self.effects.add(able.index.to_numpy(np.int64), able)
        kept = np.ones(len(able), dtype=bool)
        for constraint in self.constraints:
            met = constraint.met(able[constraint.figure.name].to_numpy(float))
            self.excluded[str(constraint)] += int((~met).sum())
            kept &= met
        feasible = able[kept]
        self.feasible += len(feasible)
        if len(feasible):
            self.front.add(feasible)
            self._compare({name: costs.loc[feasible.index] for name, costs in found.each.items()})

    def _compare(self, each: Mapping[str, pd.DataFrame]) -> None:
        for name, costs in each.items():
            values = points(costs, self.objectives[:1])[:, 0]
            place = int(values.argmax())
            if name not in self.best or values[place] > self.best[name][1]:
                self.best[name] = (int(costs.index[place]), float(values[place]))

    def why_none(self) -> str:
        """Say why no design is feasible."""
        if not self.possible:
            return self.refused.most_common(1)[0][0] if self.refused else "the grid has no design"
        parts = [f"{constraint} excludes {count:,}" for constraint, count in self.excluded.items()]
        return f"no feasible design: of {self.possible:,} that can run the networks, {', '.join(parts)}"

    def state(self) -> dict[str, Any]:
        """Return all but the front's metrics as plain values; see `restore`."""
        return {
            "designs": self.designs, "possible": self.possible, "feasible": self.feasible,
            "refused": dict(self.refused), "excluded": dict(self.excluded), "best": self.best,
            "front": self.front.numbers.tolist(), "effects": self.effects.state(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any], costs: Costs) -> None:
        """Go on from what `state` gave; the front is evaluated anew."""
        for name in ("designs", "possible", "feasible"):
            setattr(self, name, state[name])
        self.refused, self.excluded = Counter(state["refused"]), Counter(state["excluded"])
        self.best = {name: (number, value) for name, (number, value) in state["best"].items()}
        self.effects.restore(state["effects"])
        numbers = np.array(state["front"], dtype=np.int64)
        if len(numbers):
            self.front.add(costs.of(self.grid.frame(numbers)).together)


def enumerate_designs(
    found: Enumerated,
    costs: Costs,
    parts: Parts | None = None,
    on_chunk: OnChunk | None = None,
    chunk: int = CHUNK,
) -> Enumerated:
    """Evaluate every design of a grid, in chunks.

    Args:
        found: What is filled; empty.
        costs: Evaluates designs.
        parts: Keeps the metrics of all designs; an enumeration that was ended early goes on from there.
        on_chunk: Hears of the progress.
        chunk: Designs at a time.

    Returns:
        `found`.
    """
    done = _resumed(found, costs, parts, chunk)
    for index, numbers in enumerate(found.grid.chunks(chunk)):
        if index >= done:
            distinct = found.grid.distinct(numbers)
            evaluated = costs.of(found.grid.frame(distinct))
            found.add(distinct, evaluated)
            _keep(found, parts, index, evaluated, chunk)
        if on_chunk:
            on_chunk(min((index + 1) * chunk, found.grid.size), found.grid.size)
    return found


def _resumed(found: Enumerated, costs: Costs, parts: Parts | None, chunk: int) -> int:
    """Return how many chunks are done already."""
    state = parts.state() if parts else None
    if state is None or state["chunk"] != chunk:
        if parts:
            parts.clear()
        return 0
    found.restore(state, costs)
    return int(state["done"])


def _keep(found: Enumerated, parts: Parts | None, index: int, evaluated: Found, chunk: int) -> None:
    if parts:
        parts.write(index, table(found.grid, evaluated))
        parts.mark({"done": index + 1, "chunk": chunk, **found.state()})


def table(grid: Grid, found: Found) -> pd.DataFrame:
    """Return designs with their metrics: searched fields, metrics, reason.

    A metric of one network is called `latency_s of NAME`.
    """
    numbers = found.together.index.to_numpy(np.int64)
    designs = grid.frame(numbers)[list(grid.searched)]
    several = found.each if len(found.each) > 1 else {}
    own = {
        f"{metric} of {name}": costs[metric]
        for name, costs in several.items()
        for metric in ("latency_s", "energy_j")
    }
    return designs.assign(**{name: found.together[name] for name in NAMES}, **own, reason=found.reason)


def evaluated(found: Enumerated, costs: Costs, numbers: Iterable[int]) -> Enumerated:
    """Take in some designs by number."""
    chosen = np.array(sorted(set(numbers)), dtype=np.int64)
    found.add(chosen, costs.of(found.grid.frame(chosen)))
    return found
