"""The nested search: Optuna chooses tables and widths, and the best hardware for them is found exactly.

Scoring hardware takes microseconds and scoring tables takes a pass over the test data, so every design of
the study file is evaluated for each choice of tables and of the widths that they are computed in. The one
chosen is recorded like any other suggestion: the study stays an ordinary one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import optuna
import pandas as pd
from optuna.trial import Trial

from accel_models import Workload, evaluate_many, needs
from dse.config import Axis
from dse.errors import UserError
from dse.figures import HARDWARE, QUALITY, Figure
from dse.samplers import fixing
from dse.score import Network
from dse.space import Candidate, Space
from dse.widths import Least, completed_all

MOST_DESIGNS = 100_000
"""Designs that are evaluated for a choice of tables, some seconds' work; more are for the joint strategy."""


def suggest(trial: Trial, space: Space, network: Network, figure: Figure) -> Candidate:
    """Let a trial choose tables and widths, and give it the hardware that is best for them.

    Args:
        trial: Its parameters for hardware are recorded as suggestions.
        space: What is searched.
        network: Gives the workload of the tables.
        figure: What the hardware shall be best in.

    Raises:
        TrialPruned: If no design can run the network with these tables.
    """
    tables = space.suggest_tables(trial)
    axes = {**space.design_axes, **{name: (value,) for name, value in space.suggest_widths(trial).items()}}
    fields = best_design(axes, network.workload(tables), figure, network.accumulator)
    with fixing(trial, fields):
        return Candidate(tables, space.suggest_design(trial))


def best_design(axes: Mapping[str, Axis], workload: Workload, figure: Figure, least: Least) -> dict[str, Any]:
    """Return the fields of the design that is best in a figure, of all combinations of the axes.

    Raises:
        TrialPruned: If no design can run the workload; the reason is the most frequent one.
    """
    designs = pd.DataFrame(itertools.product(*axes.values()), columns=list(axes), dtype=object)
    designs, refused = completed_all(designs.dropna(axis="columns", how="all").infer_objects(), least)
    costs = evaluate_many(designs.assign(**needs(workload)), workload)
    reasons = refused.where(refused != "", costs.reason)
    possible = costs[reasons == ""]
    if possible.empty:
        raise optuna.TrialPruned(str(reasons.mode()[0]))
    row = int(possible.index[int((possible[figure.name] * figure.sign).argmax())])
    return dict(zip(axes, next(itertools.islice(itertools.product(*axes.values()), row, None)), strict=True))


def check(axes: Mapping[str, Axis], objectives: tuple[Figure, Figure]) -> Figure:
    """Return the figure that hardware is chosen by.

    Raises:
        UserError: If the objectives are not one of quality and one of hardware, or the designs are too many.
    """
    hardware = [figure for figure in objectives if figure in HARDWARE]
    if len(hardware) != 1:
        one = f"{', '.join(f.name for f in QUALITY)} and one of {', '.join(f.name for f in HARDWARE)}"
        raise UserError(f'[search] objectives: must be one of {one} with strategy = "nested"')
    count = math.prod(map(len, axes.values()))
    if count > MOST_DESIGNS:
        raise UserError(
            f'[hardware]: {count} designs: must be at most {MOST_DESIGNS} with strategy = "nested"; '
            'search fewer values, or set [search] strategy = "joint"'
        )
    return hardware[0]
