"""The nested search as an Optuna sampler: tables by a model of their loss, then the best hardware."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna import Study, TrialPruned
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from dse.directions import DIRECTION
from dse.evaluate import Network
from dse.metrics import HARDWARE, QUALITY
from dse.record import TrialRecord, read
from dse.samplers import make
from dse.search.bayes.branch import Branch
from dse.search.bayes.choices import Choices
from dse.search.bayes.proposer import Proposer
from dse.search.design_grid.hardware import Hardware
from dse.search.untried import text, untried
from dse.space import Candidate, Space, Tables
from dse.space.widths import Widths, chosen_widths, usable

REPEATS = 10
"""Choices of a sampler that were made before, one after another, after which one is made at random."""

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def enumeration(space: Space, network: Network, chosen: Widths | None = None) -> Hardware:
    """Return the hardware of a study, or that of some widths, to be enumerated for its objectives."""
    figures = [figure for figure in space.config.figures if figure in HARDWARE]
    limits = [c for c in space.config.limits if c.figure not in QUALITY]
    return Hardware(space, network.accumulator, figures, limits, chosen)


class NestedSampler(BaseSampler):
    """Proposes tables and widths, and takes the best hardware for them from all there is.

    It gives all parameters of a trial at once, and learns from the record of each trial that ends: from
    tables, precision and metrics that `dse.record` reads. What was proposed and has not ended counts as known
    with its prediction, so that trials that run at once differ.

    Args:
        space: What can be chosen.
        network: Gives workloads and errors of tables; it is not run.
        seed: Of its random numbers; the study file's if None.
        stream: Numbers that tell its random numbers from those of other samplers with this seed.
        tables: Chooses tables and widths in place of the model, an Optuna sampler; the plain choices come
            first.

    Example:
        >>> problem = dse.Problem("studies/bert_digits.toml")
        >>> sampler = dse.NestedSampler(problem.space, problem.network)
        >>> study = optuna.create_study(directions=problem.directions, sampler=sampler)
        >>> study.optimize(problem, n_trials=30)
    """

    def __init__(
        self,
        space: Space,
        network: Network,
        *,
        seed: int | None = None,
        stream: Sequence[int] = (),
        tables: BaseSampler | None = None,
    ) -> None:
        self._space, self._network, self._lock = space, network, threading.RLock()
        self._seed = space.config.search.seed if seed is None else seed
        self._rng = np.random.default_rng([self._seed, *stream])
        self._proposer = _proposer(space, network, self._rng) if tables is None else None
        self._plain = [] if tables is None else space.plain()
        self._tables = make("tpe", self._seed, *stream) if tables is None else tables
        self._hardware = {
            text(chosen): enumeration(space, network, chosen) for chosen in space.designs.widths()
        }
        self._learned: set[int] = set()
        self._all_learned = 0  # all trials of lower numbers are
        self._asked: set[str] = set()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return every searched axis."""
        return self._space.distributions(self._space.searched)

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002 - that of the study file
    ) -> dict[str, Any]:
        """Propose tables and widths with the best design for them; see `optuna.samplers.BaseSampler`."""
        with self._lock:
            self._catch_up(study)
            proposed = self._proposer.propose() if self._proposer else None
            if proposed is not None:
                tables, chosen = proposed
                params = self._space.tables.params(tables) | self._open(chosen)
            else:
                params = self._sampled(study, trial)
            self._asked.add(text(params))
            candidate = self._space.candidate(params)
            if self._proposer:
                self._proposer.expect(candidate.tables, chosen_widths(candidate.design))
            return params | self._best_design(candidate.tables, chosen_widths(candidate.design))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Sample what is no axis of the study file; see `optuna.samplers.BaseSampler`."""
        return self._tables.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """See `optuna.samplers.BaseSampler`."""
        self._tables.before_trial(study, trial)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Learn from what a trial recorded; see `optuna.samplers.BaseSampler`."""
        with self._lock:
            self._catch_up(study)
            self._learn(trial, finished=state is TrialState.COMPLETE)
            self._tables.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Take new random numbers; see `optuna.samplers.BaseSampler`."""
        self._rng.bit_generator.state = np.random.default_rng().bit_generator.state
        self._tables.reseed_rng()

    def designs(self, tables: Tables, chosen: Widths) -> list[Candidate]:
        """Return the candidates of some tables and widths: all hardware that no other beats, the best first.

        Raises:
            TrialPruned: If no design can run the network with the tables, within the constraints.
        """
        workload = self._network.workload(tables)
        found = self._hardware[text(chosen)].found(workload)
        fields = self._hardware[text(chosen)].fields
        return [
            Candidate(tables, fields[row], costs, workload)
            for row, costs in zip(found.rows, found.figures, strict=True)
        ]

    def _open(self, chosen: Widths) -> dict[str, Any]:
        """Return those of some widths that a trial is asked for."""
        return {name: value for name, value in chosen.items() if name in self._space.searched}

    def _best_design(self, tables: Tables, chosen: Widths) -> dict[str, Any]:
        try:
            return self._space.designs.params(self.designs(tables, chosen)[0].design)
        except TrialPruned:  # whoever evaluates the trial will find that out, and say so
            return {
                name: axis[0]
                for name, axis in self._space.searched.items()
                if name in self._space.designs.axes
            }

    def _sampled(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """Let the other sampler choose tables and widths: others than before, as long as there are some."""
        for _ in range(REPEATS):
            params = self._once_sampled(study, trial)
            if text(params) not in self._asked:
                break
        else:
            params = dict(untried(self._space.quality_axes, self._asked, self._rng) or params)
        return params

    def _once_sampled(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """Let the other sampler choose tables and widths, after the plain choices."""
        plain = self._plain.pop(0) if self._plain else {}
        space = self._space.distributions(self._space.quality_axes)
        known = self._tables.infer_relative_search_space(study, trial)
        together = self._tables.sample_relative(study, trial, known)
        return {
            name: plain[name]
            if name in plain
            else together[name]
            if name in together
            else self._tables.sample_independent(study, trial, name, distribution)
            for name, distribution in space.items()
        }

    def _catch_up(self, study: Study) -> None:
        """Learn from trials that others ended, or that were added to the study."""
        trials = study.get_trials(deepcopy=False)
        for trial in trials[self._all_learned :]:
            if trial.state in FINISHED:
                self._learn(trial, finished=trial.state is TrialState.COMPLETE)
        while self._all_learned in self._learned:
            self._all_learned += 1

    def _learn(self, trial: FrozenTrial, *, finished: bool) -> None:
        if trial.number in self._learned:
            return
        self._learned.add(trial.number)
        self._plain = [own for own in self._plain if not own.items() <= trial.params.items()]
        if trial.state is not TrialState.FAIL:
            self._asked.add(text({n: v for n, v in trial.params.items() if n in self._space.quality_axes}))
        if self._proposer is None:
            return
        own = read(trial)
        if own.tables and own.precision:
            self._proposer.learn(own.tables, own.precision, _told(own) if finished else None)


def _told(own: TrialRecord) -> dict[str, Any]:
    """What a record tells the model."""
    return {**own.metrics, DIRECTION: own.direction}


def _proposer(space: Space, network: Network, rng: np.random.Generator) -> Proposer:
    config = space.config
    costs = [figure for figure in config.figures if figure in HARDWARE]
    branches = [
        Branch(Choices(space, network, enumeration(space, network, chosen), costs), chosen, floor, rng)
        for floor, chosen in enumerate(usable(space.designs.widths(), network.accumulator))
    ]
    return Proposer(branches, config.figures, config.limits, rng)
