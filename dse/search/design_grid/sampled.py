"""A grid that is too large to be enumerated: one of Optuna's samplers asks for designs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import Trial

from dse.search.design_grid.costs import Costs
from dse.search.design_grid.enumeration import Enumerated, OnChunk, table
from dse.search.design_grid.grid import Grid
from dse.search.design_grid.parts import Parts
from dse.space.applies import APPLIES


def sample_designs(
    found: Enumerated,
    costs: Costs,
    sampler: BaseSampler,
    trials: int,
    parts: Parts | None = None,
    on_chunk: OnChunk | None = None,
) -> Enumerated:
    """Evaluate designs that a sampler asks for, those of earlier runs first: it learns from them.

    Args:
        found: What is filled; empty.
        costs: Evaluates designs.
        sampler: Of Optuna's.
        trials: How many evaluations this run adds.
        parts: Keeps the numbers of all designs, and their metrics.
        on_chunk: Hears of the progress.

    Returns:
        `found`; designs that were asked for twice count once.
    """
    study = optuna.create_study(sampler=sampler, directions=[own.direction for own in found.objectives])
    state = (parts.state() if parts else None) or {"numbers": []}
    before: list[int] = list(state["numbers"])
    for number in before:
        study.enqueue_trial(params(found.grid, found.grid.fields(number)))
    numbers: list[int] = []
    for done in range(len(before) + trials):
        numbers.append(_tell(study, found, costs, set(numbers)))
        if on_chunk:
            on_chunk(done + 1, len(before) + trials)
    if parts:
        distinct = np.array(sorted(set(numbers)), dtype=np.int64)
        parts.write(0, table(found.grid, costs.of(found.grid.frame(distinct))))
        parts.mark({"numbers": numbers, **found.state()})
    return found


def _tell(study: optuna.Study, found: Enumerated, costs: Costs, known: set[int]) -> int:
    """Let the sampler ask for a design, evaluate it, and tell it what that costs."""
    trial = study.ask()
    number = found.grid.number(_suggested(found.grid, trial))
    evaluated = costs.of(found.grid.frame(np.array([number])))
    if number not in known:
        found.add(np.array([number]), evaluated)
    if reason := evaluated.reason[number]:
        trial.set_user_attr("reason", reason)
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return number
    for constraint in found.constraints:
        value = float(evaluated.together[constraint.figure.name][number])
        trial.set_constraint(str(constraint), constraint.violation(value))
    study.tell(trial, [float(evaluated.together[own.name][number]) for own in found.objectives])
    return number


def _suggested(grid: Grid, trial: Trial) -> dict[str, Any]:
    """Let the sampler choose a design's fields; what does not apply is not asked for."""
    fields: dict[str, Any] = {}
    for name in sorted(grid.axes, key=lambda name: name in APPLIES):
        axis, asked = grid.axes[name], name not in APPLIES or APPLIES[name](fields)
        fields[name] = trial.suggest_categorical(name, axis) if asked and len(axis) > 1 else axis[0]
    return fields


def params(grid: Grid, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a trial is asked for to make a design."""
    return {name: fields[name] for name in grid.searched if name not in APPLIES or APPLIES[name](fields)}
