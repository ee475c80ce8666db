import optuna
import pytest

from dse import samplers
from dse.errors import UserError
from dse.metrics import METRICS
from dse.samplers import SHORT, make, names

TWO = [METRICS["fidelity"], METRICS["area_mm2"]]


def _stream(sampler):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    return [study.ask().suggest_float("x", 0, 1) for _ in range(3)]


@pytest.mark.parametrize("name", SHORT)
def test_a_seed_gives_a_stream_and_a_longer_study_another(name):
    assert _stream(make(name, 0, 0)) == _stream(make(name, 0, 0))
    assert _stream(make(name, 0, 0)) != _stream(make(name, 0, 60))
    assert _stream(make(name, 0, 0)) != _stream(make(name, 1, 0))
    assert _stream(make(name, 0, 0, 0)) != _stream(make(name, 0, 0, 1))


def test_every_sampler_of_optuna_that_stands_alone_has_a_name():
    own = {name for name in names() if name.endswith("Sampler")}
    assert {"TPESampler", "NSGAIISampler", "NSGAIIISampler", "RandomSampler", "QMCSampler"} <= own
    for name in ("NSGAIIISampler", "QMCSampler", "RandomSampler"):
        samplers.check(name, TWO, lambda trial: trial.suggest_categorical("x", (1, 2)))


def test_a_sampler_that_cannot_search_the_space_is_refused_with_optunas_reason():
    with pytest.raises(UserError, match=r'^\[search\] sampler = "CmaEsSampler": cannot search this space: '):
        samplers.check("CmaEsSampler", TWO, lambda trial: trial.suggest_float("x", 0, 1))


def test_a_joint_search_is_handed_from_tpe_to_nsga2_after_a_hundred_trials(monkeypatch):
    monkeypatch.setattr(samplers, "TPE_TRIALS", 5)
    relay = make("auto", 0, 0)
    turns = []
    for sampler in (relay._first, relay._then):
        sample = sampler.sample_independent
        monkeypatch.setattr(
            sampler, "sample_independent", lambda *a, s=sampler, f=sample: turns.append(s) or f(*a)
        )
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=relay)
    study.optimize(lambda trial: (trial.suggest_categorical("x", (1, 2, 3)), 0.0), n_trials=8)
    assert turns == [relay._first] * 5 + [relay._then] * 3
    assert isinstance(relay._first, optuna.samplers.TPESampler)
    assert relay._then.population_size == 20
