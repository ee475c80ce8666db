"""Optuna's samplers by the names that study files use."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial


def _tpe(seed: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, constant_liar=False)


def _nsga2(seed: int) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(population_size=20, seed=seed)


def _random(seed: int) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {"tpe": _tpe, "nsga2": _nsga2, "random": _random}
"""Each makes a sampler from a seed. A population of 20 suits NSGA-II to some hundred trials."""


def make(name: str, seed: int, trials_so_far: int) -> BaseSampler:
    """Return a sampler whose stream of random numbers continues a study instead of repeating it.

    Args:
        name: A key of `SAMPLERS`.
        seed: The study's.
        trials_so_far: Trials that the study has already; the same number gives the same stream.
    """
    stream = np.random.SeedSequence([seed, trials_so_far])
    return SAMPLERS[name](int(stream.generate_state(1)[0]))


@contextmanager
def fixing(trial: Trial, params: Mapping[str, Any]) -> Iterator[None]:
    """Give a trial these values when it asks for these parameters; they are recorded as suggestions.

    Args:
        trial: The running trial.
        params: Values by parameter; others are suggested as ever.
    """
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import PartialFixedSampler

    study, sampler = trial.study, trial.study.sampler
    for name in params:  # samplers of populations have chosen all parameters beforehand
        trial.relative_params.pop(name, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.sampler = PartialFixedSampler(dict(params), sampler)
    try:
        yield
    finally:
        study.sampler = sampler
