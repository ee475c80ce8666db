"""Optuna's samplers by the names that study files use."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dse.errors import UserError
from dse.metrics import Metric

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

TPE_TRIALS = 100
"""Trials after which `auto` hands a joint search from TPE to NSGA-II."""


def _tpe(seed: int) -> BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, constant_liar=False)


def _nsga2(seed: int) -> BaseSampler:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(population_size=20, seed=seed)


def _random(seed: int) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


def _tpe_then_nsga2(seed: int) -> BaseSampler:
    from dse.samplers.relay import Relay

    return Relay(_tpe(seed), _nsga2(seed), TPE_TRIALS)


SHORT: Mapping[str, Callable[[int], BaseSampler]] = {
    "auto": _tpe_then_nsga2,
    "tpe": _tpe,
    "nsga2": _nsga2,
    "random": _random,
}
"""Each makes a sampler from a seed. A population of 20 suits NSGA-II to some hundred trials."""

NOT_BY_NAME = ("BaseSampler", "BaseGASampler", "PartialFixedSampler", "GridSampler")
"""Names in `optuna.samplers` that make no sampler of their own, or need the whole space beforehand."""


def names() -> tuple[str, ...]:
    """Return every name that a study file may use: the short ones, and Optuna's own."""
    import optuna

    own = [name for name in optuna.samplers.__all__ if name.endswith("Sampler")]
    return (*SHORT, *(name for name in own if name not in NOT_BY_NAME))


def make(name: str, seed: int, *stream: int) -> BaseSampler:
    """Return a sampler with a stream of random numbers of its own.

    Args:
        name: One of `names()`.
        seed: The study's.
        stream: Numbers that tell this stream from others of the study: trials that it had, the worker.
    """
    own = int(np.random.SeedSequence([seed, *stream]).generate_state(1)[0])
    if name in SHORT:
        return SHORT[name](own)
    import optuna

    kind = getattr(optuna.samplers, name)
    takes_seed = "seed" in inspect.signature(kind).parameters
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental ones
        sampler: BaseSampler = kind(seed=own) if takes_seed else kind()
    return sampler


def check(name: str, objectives: Sequence[Metric], suggest: Callable[[Trial], Any]) -> None:
    """Try a sampler on the space, in memory, before any work.

    Raises:
        UserError: If it cannot search such a space, or needs a package that is missing.
    """
    import optuna

    try:
        study = optuna.create_study(directions=[f.direction for f in objectives], sampler=make(name, 0))
        for _ in range(2):
            trial = study.ask()
            suggest(trial)
            study.tell(trial, [0.5] * len(objectives))
    except (ValueError, ImportError, NotImplementedError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f'[search] sampler = "{name}": cannot search this space: {reason}') from None
