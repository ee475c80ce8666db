import optuna
import pytest

from dse.samplers import SAMPLERS, fixing, make


def _stream(sampler):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    return [study.ask().suggest_float("x", 0, 1) for _ in range(3)]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_seed_gives_a_stream_and_a_longer_study_another(name):
    assert _stream(make(name, 0, 0)) == _stream(make(name, 0, 0))
    assert _stream(make(name, 0, 0)) != _stream(make(name, 0, 60))
    assert _stream(make(name, 0, 0)) != _stream(make(name, 1, 0))


@pytest.mark.parametrize("name", sorted(SAMPLERS))
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
