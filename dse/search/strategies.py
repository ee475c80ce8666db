"""Which Optuna sampler a study file asks for, and what a trial of it is to evaluate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from optuna import Study
from optuna.samplers import BaseSampler
from optuna.trial import Trial

from dse.evaluate import Network
from dse.samplers import make
from dse.search.nested import NestedSampler
from dse.search.untried import untried
from dse.space import Candidate, Space
from dse.space.widths import chosen_widths
from dse.study_file import StudyFile


def sampler_of(space: Space, network: Network, before: int) -> BaseSampler:
    """Return a study's sampler, with random numbers of its own.

    Args:
        space: What can be chosen; with it the study file.
        network: What is searched.
        before: Evaluations that the study had: a run that goes on does not repeat what was sampled.
    """
    search = space.config.search
    stream = (before, 0)
    if search.strategy == "joint":
        return make(search.sampler, search.seed, *stream)
    tables = None if search.sampler == "auto" else make(search.sampler, search.seed, *stream)
    return NestedSampler(space, network, stream=stream, tables=tables)


class Proposals:
    """Trials of an in-memory study, one evaluation each.

    Args:
        study: In memory, with the sampler of `sampler_of`.
        space: What can be chosen.
        before: Evaluations that the kept study had.
    """

    def __init__(self, study: Study, space: Space, before: int) -> None:
        self._study, self._space = study, space
        self._rng = np.random.default_rng([space.config.search.seed, before])
        self._plain = [] if isinstance(study.sampler, NestedSampler) else space.plain()[before:]

    def ask(self) -> Trial:
        """Begin a trial; a joint search starts from the plain choices, functions alike."""
        if self._plain:
            self._study.enqueue_trial(self._plain.pop(0))
        return self._study.ask()

    def untried(self, known: Collection[str]) -> Trial | None:
        """Begin a trial of something that was not asked for, taken at random; None where nothing is left.

        A nested search itself takes care of that.

        Args:
            known: What was asked for, each as `dse.search.untried.text` gives it.
        """
        if isinstance(self._study.sampler, NestedSampler):
            return None
        params = untried(self._space.searched, known, self._rng, self._asked_for)
        if params is None:
            return None
        self._study.enqueue_trial(dict(params))
        return self._study.ask()

    def _asked_for(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        own = self._space.candidate(params)
        return self._space.params(own.tables, own.design)

    def own(self, trial: Trial) -> Candidate:
        """Let a trial choose."""
        return self._space.suggest(trial)

    def designs(self, own: Candidate) -> list[Candidate]:
        """Return what a trial is to evaluate, given what it chose: that, or the best hardware for its tables.

        Raises:
            TrialPruned: If no design can run the network with the tables, within the constraints.
        """
        sampler = self._study.sampler
        if isinstance(sampler, NestedSampler):
            return sampler.designs(own.tables, chosen_widths(own.design))
        return [own]

    @property
    def how(self) -> str:
        """How candidates are proposed, for their records."""
        return type(self._study.sampler).__name__


def tried(config: StudyFile, space: Space) -> Callable[[Trial], Any]:
    """Return what the sampler of a study is asked to suggest."""
    if config.search.strategy == "joint":
        return space.suggest
    return lambda trial: (space.tables.suggest(trial), space.designs.suggest_widths(trial))
