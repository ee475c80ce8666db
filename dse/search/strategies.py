"""How a trial's candidate is chosen: tables first and the best hardware for them, or both at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial

from dse.config import StudyConfig
from dse.figures import HARDWARE, QUALITY
from dse.score import Network
from dse.search.guide import Guide
from dse.search.hardware import Hardware
from dse.search.samplers import fixing, make
from dse.space import Candidate, Space

TABLES = "tables"
"""A trial's attribute: what it chose, there as soon as it is chosen."""


def enumeration(space: Space) -> Hardware:
    """Return the hardware of a study, to be enumerated for its objectives and constraints."""
    figures = [figure for figure in space.config.figures if figure in HARDWARE]
    return Hardware(space, figures, [c for c in space.config.limits if c.figure not in QUALITY])


class Joint:
    """An Optuna sampler chooses tables and hardware. The first trials get the plain choices.

    Args:
        space: What can be chosen.
        sampler: Chooses.
    """

    def __init__(self, space: Space, sampler: BaseSampler) -> None:
        self._space, self.sampler, self._plain = space, sampler, space.plain()

    def learn(self, trial: FrozenTrial) -> None:
        """Do nothing: the sampler sees the study."""

    def choose(self, trial: Trial, number: int) -> list[Candidate]:
        """Let a trial, the study's so-manieth, choose."""
        with fixing(trial, self._plain[number] if number < len(self._plain) else {}):
            candidate = self._space.suggest(trial)
        trial.set_user_attr(TABLES, candidate.tables)
        return [candidate]


class Nested:
    """Tables are chosen, and all hardware that no other beats for them is found by enumeration.

    Args:
        space: What can be chosen.
        network: Gives workloads.
        sampler: Chooses tables where the guide has none to propose.
        guide: Proposes tables; without one the sampler chooses, after the plain choices.
    """

    def __init__(self, space: Space, network: Network, sampler: BaseSampler, guide: Guide | None) -> None:
        self._space, self._network, self.sampler, self._guide = space, network, sampler, guide
        self._hardware, self._plain = enumeration(space), space.plain()

    def learn(self, trial: FrozenTrial) -> None:
        """Hear of a trial that ended."""
        tables = trial.user_attrs.get(TABLES)
        if self._guide is not None and tables is not None:
            self._guide.learn(tables, trial.user_attrs if trial.values else None)

    def choose(self, trial: Trial, number: int) -> list[Candidate]:
        """Let a trial, the study's so-manieth, choose; the first design is the trial's own.

        Raises:
            TrialPruned: If no design can run the network with the tables, within the constraints.
        """
        with fixing(trial, self._proposed(number)):
            tables = self._space.suggest_tables(trial)
        trial.set_user_attr(TABLES, tables)
        best = self._hardware.best(self._network.workload(tables))
        with fixing(trial, self._space.design_params(best[0])):
            self._space.suggest_design(trial)
        return [Candidate(tables, fields) for fields in best]

    def _proposed(self, number: int) -> dict[str, Any]:
        if self._guide is None:
            return self._plain[number] if number < len(self._plain) else {}
        tables = self._guide.propose()
        return {} if tables is None else self._space.tables_params(tables)


Strategy = Joint | Nested


def strategy(config: StudyConfig, space: Space, network: Network, *stream: int) -> Strategy:
    """Return a study's strategy, with a stream of random numbers of its own.

    Args:
        config: The study file.
        space: What can be chosen.
        network: What is searched.
        stream: Numbers that tell this stream from others of the study: trials that it had, the worker.
    """
    search = config.search
    if search.strategy == "joint":
        return Joint(space, make(search.sampler, search.seed, *stream))
    if search.sampler != "auto":
        return Nested(space, network, make(search.sampler, search.seed, *stream), None)
    rng = np.random.default_rng([search.seed, *stream])
    guide = Guide(space, network, enumeration(space), config.figures, config.limits, rng)
    return Nested(space, network, make("tpe", search.seed, *stream), guide)


def tried(config: StudyConfig, space: Space) -> Callable[[Trial], Any]:
    """Return what the sampler of a study is asked to suggest."""
    return space.suggest if config.search.strategy == "joint" else space.suggest_tables
