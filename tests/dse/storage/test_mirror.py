import optuna
import pytest
from optuna.trial import TrialState, create_trial

from dse import storage
from dse.samplers import make
from dse.storage.kept import KeptStudy
from dse.storage.mirror import TICKET, Mirror

DISTRIBUTION = optuna.distributions.CategoricalDistribution((1, 2, 3))


def _trial(value, ticket):
    return create_trial(
        value=float(value),
        params={"x": value},
        distributions={"x": DISTRIBUTION},
        user_attrs={TICKET: ticket},
    )


@pytest.fixture
def database(tmp_path):
    return storage.open_sqlite(tmp_path / "study.db")


@pytest.fixture
def kept(database):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(storage=database.optuna, study_name="s")


def test_a_trial_is_written_only_when_it_ends_and_then_whole(kept, database):
    mirror = Mirror(KeptStudy(kept, database.writer), make("random", 0, 0))
    trial = mirror.ask()
    x = trial.suggest_categorical("x", (1, 2, 3))
    assert kept.trials == []
    trial.set_constraint("area", -0.5)
    mirror.keep(trial, TrialState.COMPLETE, [0.5], {"figure": 1.5, TICKET: [0, 0, 0]})
    (whole,) = kept.trials
    assert (whole.state, whole.value, whole.params) == (TrialState.COMPLETE, 0.5, {"x": x})
    assert whole.user_attrs == {"figure": 1.5, TICKET: [0, 0, 0]}
    assert whole.constraints == {"area": -0.5}
    assert whole.datetime_complete >= whole.datetime_start


@pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.PRUNED])
def test_a_trial_without_values_is_written_with_what_it_chose(kept, database, state):
    mirror = Mirror(KeptStudy(kept, database.writer), make("random", 0, 0))
    trial = mirror.ask()
    trial.suggest_categorical("x", (1, 2, 3))
    mirror.keep(trial, state, None, {"reason": "so", TICKET: [0, 0, 0]})
    assert kept.trials[0].state is state
    assert kept.trials[0].user_attrs["reason"] == "so"
    assert set(kept.trials[0].params) == {"x"}


def test_the_sampler_sees_what_others_finished_and_its_own_once(kept, database):
    own_view = KeptStudy(kept, database.writer)
    mirror = Mirror(own_view, make("random", 0, 0))

    def pulled():
        own_view.read()
        return [trial.value for trial in mirror.pull()]

    kept.add_trial(_trial(1, [0, 0, 0]))
    assert pulled() == [1.0]
    mirror.add(_trial(2, [0, 1, 1]))
    own = mirror.ask()
    own.suggest_categorical("x", (1, 2, 3))
    mirror.keep(own, TrialState.COMPLETE, [3.0], {TICKET: [0, 1, 0]})
    kept.add_trial(_trial(2, [0, 2, 0]))
    assert pulled() == [2.0, 3.0, 2.0]
    assert pulled() == []
    seen = [trial.value for trial in mirror._memory.get_trials(states=[TrialState.COMPLETE])]
    assert sorted(seen) == [1.0, 2.0, 2.0, 3.0]


def test_nsga2_goes_on_with_its_generations(kept, database):
    for _ in range(2):  # two workers, one after the other
        own_view = KeptStudy(kept, database.writer)
        mirror = Mirror(own_view, make("nsga2", 0, len(own_view.read())))
        for _ in range(25):
            list(mirror.pull())
            trial = mirror.ask()
            x = trial.suggest_categorical("x", (1, 2, 3))
            mirror.keep(trial, TrialState.COMPLETE, [x], {TICKET: [0, trial.number, 0]})
    generations = [value for t in kept.trials for key, value in t.system_attrs.items() if "generation" in key]
    assert max(generations) == 2
    assert len(generations) == 50
