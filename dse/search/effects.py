"""Main effects on the objectives of a search: of hardware over its grid, of quality by a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_models import Workload
from dse.evaluate import Network
from dse.metrics import HARDWARE, QUALITY
from dse.record import TrialRecord
from dse.search.bayes.acquisition import loss_of
from dse.search.bayes.additive import AdditiveLoss
from dse.search.design_grid import Costs, Enumerated, Grid
from dse.search.design_grid.enumeration import evaluated
from dse.space import Space
from dse.space.widths import Widths, widths
from dse.workloads import Runs

MOST = 50_000
"""Designs that the effects of hardware are found from; of a larger grid so many are taken at random, and
the error of a share is then below a percentage point."""

Shares = dict[str, float]


def effects(
    space: Space, network: Network, records: Sequence[TrialRecord], workload: Workload | None
) -> dict[str, Shares]:
    """Return the share of each objective's variance that each searched parameter explains, the largest first.

    Args:
        space: What is searched.
        network: Gives the errors of tables, and accumulators.
        records: The study's trials.
        workload: What the accelerator runs with the tables of the front's knee; None without a finished
            trial.
    """
    wanted = {metric.name for metric in space.config.figures}
    found = _of_hardware(space, network, workload) if workload else {}
    of_loss = _of_loss(space, network, records)
    found |= {metric.name: of_loss for metric in QUALITY}
    return {name: own for name, own in found.items() if own and name in wanted}


def _of_hardware(space: Space, network: Network, workload: Workload) -> dict[str, Shares]:
    grid = Grid(space.designs.axes)
    found = Enumerated(grid, HARDWARE[:1])
    costs = Costs([Runs("network", workload)], network.accumulator)
    numbers = (
        np.arange(grid.size) if grid.size <= MOST else np.random.default_rng(0).integers(grid.size, size=MOST)
    )
    evaluated(found, costs, grid.distinct(np.unique(numbers)).tolist())
    return found.effects.shares()


def _of_loss(space: Space, network: Network, records: Sequence[TrialRecord]) -> Shares:
    """Return the effects on the loss, as a model has it in which the losses of functions add up."""
    keys, choices = space.tables.keys, [dict(chosen) for chosen in space.designs.widths()]
    specs = {key: space.tables.specs(key) for key in keys}
    done = [own for own in records if own.state == "complete" and set(own.tables) == set(keys)]
    rows = [_row(own, specs, choices) for own in done]
    known = [(row, loss_of(own.metrics)) for row, own in zip(rows, done, strict=True) if row]
    if not known:
        return {}
    errors = {
        key: np.array([float((network.errors.of(key, spec) ** 2).sum()) for spec in own])
        for key, own in specs.items()
    }
    model = AdditiveLoss(keys, specs, errors, len(choices))
    model.fit(np.array([row for row, _ in known]), np.array([loss for _, loss in known]))
    *tables, floors = model.expected()
    parts = {f"{key}.": (specs[key], own) for key, own in zip(specs, tables, strict=True)} | {
        "": (choices, floors)
    }
    total = sum(float(own.var()) for _, own in parts.values()) or 1.0
    shares = {
        f"{prefix}{name}": _between(spec, name, own) / total
        for prefix, (spec, own) in parts.items()
        for name in spec[0]
        if len({str(one.get(name)) for one in spec}) > 1
    }
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _row(
    own: TrialRecord, specs: Mapping[str, Sequence[Mapping[str, Any]]], choices: Sequence[Widths]
) -> list[int] | None:
    """Return which table each key of a trial has, and which widths; None where they cannot be chosen."""
    chosen = widths(own.design)
    floor = [
        place for place, one in enumerate(choices) if all(chosen.get(n) == v for n, v in one.items() if v)
    ]
    try:
        return [*(specs[key].index(dict(own.tables[key])) for key in specs), floor[0]]
    except (ValueError, IndexError):
        return None


def _between(specs: Sequence[Mapping[str, Any]], name: str, values: NDArray[np.float64]) -> float:
    """Return the variance of the means over the values of a field."""
    labels = np.unique([str(spec.get(name)) for spec in specs], return_inverse=True)[1]
    counts = np.bincount(labels)
    means = np.bincount(labels, values) / counts
    return float((counts * (means - values.mean()) ** 2).sum() / len(values))
