import optuna
import pytest

from dse import samplers
from dse.errors import UserError
from dse.metrics import METRICS
from dse.samplers import SHORT, fixing, make, names

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


@pytest.mark.parametrize("name", sorted(SHORT))
def test_a_fixed_parameter_is_given_whatever_the_sampler_would_say(name: str) -> None:
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=make(name, 0, 0))
    sampler = study.sampler

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        free = trial.suggest_categorical("free", (1, 2, 3))
        wanted = ("a", "b", "c")[trial.number % 3]
        with fixing(trial, {"fixed": wanted}):
            assert trial.suggest_categorical("fixed", ("a", "b", "c")) == wanted
        return free, -free

    study.optimize(objective, n_trials=50)  # two generations and more, for samplers of populations
    assert study.sampler is sampler
    assert [t.params["fixed"] for t in study.trials] == [("a", "b", "c")[n % 3] for n in range(50)]


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
