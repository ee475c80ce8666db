"""A study file's search as an objective for loops of one's own: `study.optimize(problem)`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna

from dse import record
from dse.directions import DIRECTION
from dse.evaluate import ConvertedNetwork, MakeNetwork, costs, finite
from dse.record import TrialRecord
from dse.space import Space
from dse.space.widths import chosen_widths, widths
from dse.study_file import load


class Problem:
    """What a study file searches, to be called with an Optuna trial of any sampler.

    Args:
        path: The study file.
        make_network: Makes what is searched from it; the task's network, converted.

    Attributes:
        space: What can be chosen.
        network: What is searched.
        directions: Of the objectives, for `optuna.create_study`.

    Example:
        >>> problem = dse.Problem("studies/bert_digits.toml")
        >>> sampler = dse.NestedSampler(problem.space, problem.network)
        >>> study = optuna.create_study(directions=problem.directions, sampler=sampler)
        >>> study.optimize(problem, n_trials=30)
    """

    def __init__(self, path: str | Path, make_network: MakeNetwork = ConvertedNetwork) -> None:
        config = load(path)
        self.network = make_network(config)
        self.space = Space(config, self.network.functions, self.network.sites)
        self.directions = [figure.direction for figure in config.figures]

    def __call__(self, trial: optuna.Trial) -> list[float]:
        """Evaluate what a trial chooses, record it with the trial, and return the objectives.

        Raises:
            TrialPruned: If the design cannot run the network.
        """
        own = self.space.suggest(trial)
        chosen = TrialRecord(tables=own.tables, precision=chosen_widths(own.design))
        _keep(trial, chosen)
        try:
            ((design, cost),) = costs([own], self.network.workload(own.tables), self.network.accumulator)
        except ValueError as error:
            raise optuna.TrialPruned(str(error)) from error
        quality = finite(self.network.quality(own.tables, widths(design.to_dict())))
        direction = quality.pop(DIRECTION, "")
        config = self.space.config
        scored = replace(chosen, design=design.to_dict(), metrics={**cost, **quality}, direction=direction)
        _keep(trial, scored)
        for limit in config.limits:
            name = limit.figure.name
            trial.set_constraint(name, limit.violation(scored.metrics[name]))
        return scored.values(figure.name for figure in config.figures)


def _keep(trial: optuna.Trial, own: TrialRecord) -> None:
    for name, value in record.attributes(own).items():
        trial.set_user_attr(name, value)
