"""The nested search in a loop of Optuna's own, beside any other sampler.

    python examples/optuna_loop.py

`dse.NestedSampler` is an Optuna sampler: it proposes tables by a model of the loss, with the best hardware
for them, and learns from each trial that ends. The loop, its callbacks and its storage are Optuna's.
"""

from pathlib import Path

import numpy as np
import optuna

import dse
from dse.pareto import hypervolume as dominated

STUDY = Path(__file__).parent.parent / "studies" / "resnet_digits.toml"


def hypervolume(problem: dse.Problem, sampler: optuna.samplers.BaseSampler, trials: int) -> float:
    """Search, and return what the front dominates of fidelity and efficiency above zero."""
    study = optuna.create_study(directions=problem.directions, sampler=sampler)
    study.optimize(problem, n_trials=trials)
    done = np.array([trial.values for trial in study.trials if trial.values])
    return dominated(done, np.zeros(2))


def main(study_file: Path = STUDY, trials: int = 20) -> dict[str, float]:
    """Compare both samplers, and return what each reached."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    problem = dse.Problem(study_file)
    samplers = {
        "nested": dse.NestedSampler(problem.space, problem.network, seed=0),
        "TPE": optuna.samplers.TPESampler(seed=0),
    }
    found = {name: hypervolume(problem, sampler, trials) for name, sampler in samplers.items()}
    for name, volume in found.items():
        print(f"{name}: hypervolume {volume:.4g} after {trials} trials")
    return found


if __name__ == "__main__":
    main()
