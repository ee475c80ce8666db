import math
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

START = datetime(2026, 7, 1, 12, 30, 15, 250000)
DISTRIBUTIONS = {
    "kind": CategoricalDistribution(("os", "ws", 3, None)),
    "rows": IntDistribution(1, 64),
    "share": FloatDistribution(0.0, 1.0),
}


def study(database, name):
    return optuna.create_study(
        storage=database.optuna, study_name=name, load_if_exists=True, directions=["maximize", "minimize"]
    )


def made(state=TrialState.COMPLETE, values=(0.5, -2.0), **changes):
    trial = create_trial(
        state=state,
        values=None if values is None else list(values),
        params={"kind": "os", "rows": 16, "share": 0.1},
        distributions=DISTRIBUTIONS,
        user_attrs={"figure": 1 / 3, "tables": {"gelu": {"segments": 8}}, "text": "größer"},
        system_attrs={"nsga2:generation": 2},
        constraints={"area": -0.25},
    )
    trial.datetime_start, trial.datetime_complete = START, START + timedelta(seconds=1.5)
    for name, value in changes.items():
        setattr(trial, name, value)
    return trial


EVERY = [
    made(),
    made(values=(math.inf, -math.inf)),
    made(TrialState.PRUNED, None),
    made(TrialState.FAIL, None, params={}, distributions={}, user_attrs={"reason": "so"}),
]


def test_a_trial_reads_back_as_one_that_optuna_wrote(database):
    ours, optunas = study(database, "ours"), study(database, "optuna's")
    for trial in EVERY:
        database.writer.write("ours", trial)
        optunas.add_trial(trial)
    assert [t.number for t in ours.trials] == [0, 1, 2, 3]
    for own, other in zip(ours.trials, optunas.trials, strict=True):
        other._trial_id = own._trial_id
        assert own == other
        assert own.constraints == other.constraints


def test_a_reader_elsewhere_sees_each_trial_as_it_comes(database):
    study(database, "s")
    reader = optuna.load_study(study_name="s", storage=database.optuna)
    for count in (1, 2, 3):
        database.writer.write("s", made())
        assert len(reader.get_trials(deepcopy=False)) == count


def test_numbers_are_given_once_however_many_write(database):
    study(database, "s"), study(database, "another")
    database.writer.write("another", made())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: database.writer.write("s", made()), range(40)))
    numbers = [trial.number for trial in study(database, "s").trials]
    assert numbers == list(range(40))


def test_a_number_is_given_back_and_counts_the_trials_before(database):
    study(database, "s"), study(database, "another")
    assert database.writer.write("another", made()) == 0
    assert database.writer.count("s") == 0
    assert [database.writer.write("s", made()) for _ in range(3)] == [0, 1, 2]
    assert (database.writer.count("s"), database.writer.count("another")) == (3, 1)


def test_a_trial_that_cannot_be_written_leaves_nothing_behind(database):
    own = study(database, "s")
    with pytest.raises(TypeError):
        database.writer.write("s", made(user_attrs={"object": object()}))
    assert own.trials == []
