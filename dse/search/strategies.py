"""How a trial's candidate is chosen: tables first and the best hardware for them, or both at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial

from dse.directions import DIRECTION
from dse.metrics import HARDWARE, QUALITY
from dse.record import read
from dse.samplers import fixing, make
from dse.score import Network
from dse.search.branch import Branch
from dse.search.choices import Choices
from dse.search.guide import Guide
from dse.search.hardware import Hardware
from dse.space import Candidate, Space, Tables
from dse.space.widths import Widths, usable
from dse.study_file import StudyFile

TABLES = "tables"
"""A trial's attribute: what it chose, there as soon as it is chosen."""


CHOSEN = "precision"
"""A trial's attribute: the widths that it chose; what is open is left out."""


def enumeration(space: Space, network: Network, chosen: Widths | None = None) -> Hardware:
    """Return the hardware of a study, or that of some widths, to be enumerated for its objectives."""
    figures = [figure for figure in space.config.figures if figure in HARDWARE]
    limits = [c for c in space.config.limits if c.figure not in QUALITY]
    return Hardware(space, network.accumulator, figures, limits, chosen)


Claim = Callable[[Tables, Widths], bool]


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
    """Tables and widths are chosen, and all hardware that no other beats for them is found by enumeration.

    Args:
        space: What can be chosen.
        network: Gives workloads.
        sampler: Chooses where the guide has nothing to propose.
        guide: Proposes tables and widths; without one the sampler chooses, after the plain choices.
        claim: Says of the guide's tables and widths whether no other worker is at them, and keeps them for
            this one.
    """

    def __init__(
        self, space: Space, network: Network, sampler: BaseSampler, guide: Guide | None, claim: Claim
    ) -> None:
        self._space, self._network, self.sampler = space, network, sampler
        self._guide, self._claim = guide, claim
        self._hardware = {_text(chosen): enumeration(space, network, chosen) for chosen in space.widths()}
        self._plain = space.plain()

    def learn(self, trial: FrozenTrial) -> None:
        """Hear of a trial that ended."""
        own = read(trial)
        if own.tables and own.precision and self._guide:
            figures = {**own.metrics, DIRECTION: own.direction} if trial.values else None
            self._guide.learn(own.tables, own.precision, figures)

    def choose(self, trial: Trial, number: int) -> list[Candidate]:
        """Let a trial, the study's so-manieth, choose; the first design is the trial's own.

        Raises:
            TrialPruned: If no design can run the network with the tables, within the constraints.
        """
        with fixing(trial, self._proposed(number)):
            tables, chosen = self._space.suggest_tables(trial), self._space.suggest_widths(trial)
        trial.set_user_attr(TABLES, tables)
        trial.set_user_attr(CHOSEN, chosen)
        hardware = self._hardware[_text(chosen)]
        workload = self._network.workload(tables)
        best, figures = hardware.best(workload), hardware.found(workload).figures
        with fixing(trial, self._space.design_params(best[0])):
            self._space.suggest_design(trial)
        return [
            Candidate(tables, fields, costs, workload) for fields, costs in zip(best, figures, strict=True)
        ]

    def _proposed(self, number: int) -> dict[str, Any]:
        if self._guide is None:
            return self._plain[number] if number < len(self._plain) else {}
        while (proposed := self._guide.propose(number)) and not self._claim(*proposed):
            self._guide.learn(*proposed, None)
        if proposed is None:
            return {}
        tables, chosen = proposed
        return self._space.tables_params(tables) | self._space.widths_params(chosen)


Strategy = Joint | Nested


def strategy(config: StudyFile, space: Space, network: Network, claim: Claim, *stream: int) -> Strategy:
    """Return a study's strategy, with a stream of random numbers of its own.

    Args:
        config: The study file.
        space: What can be chosen.
        network: What is searched.
        claim: Keeps tables and widths for this worker, if no other is at them.
        stream: Numbers that tell this stream from others of the study: trials that it had, the worker; the
            first worker's is 0.
    """
    search = config.search
    if search.strategy == "joint":
        return Joint(space, make(search.sampler, search.seed, *stream))
    if search.sampler != "auto":
        return Nested(space, network, make(search.sampler, search.seed, *stream), None, claim)
    rng = np.random.default_rng([search.seed, *stream])
    costs = [figure for figure in config.figures if figure in HARDWARE]
    branches = [
        Branch(Choices(space, network, enumeration(space, network, chosen), costs), chosen, floor, rng)
        for floor, chosen in enumerate(usable(space.widths(), network.accumulator))
    ]
    guide = Guide(branches, config.figures, config.limits, rng, alone=not any(stream[-1:]))
    return Nested(space, network, make("tpe", search.seed, *stream), guide, claim)


def tried(config: StudyFile, space: Space) -> Callable[[Trial], Any]:
    """Return what the sampler of a study is asked to suggest."""
    if config.search.strategy == "joint":
        return space.suggest
    return lambda trial: (space.suggest_tables(trial), space.suggest_widths(trial))


def _text(chosen: Widths) -> str:
    return json.dumps(chosen, sort_keys=True)
