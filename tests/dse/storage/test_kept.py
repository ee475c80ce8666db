import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from dse.storage.kept import KeptStudy


@pytest.fixture
def two(database):
    """Two processes' views of a study."""
    study = optuna.create_study(study_name="s", storage=database.optuna)
    return KeptStudy(study, database.writer), KeptStudy(study, database.writer)


def _trial(value):
    return optuna.trial.create_trial(
        value=value,
        params={"x": 1},
        distributions={"x": CategoricalDistribution((1, 2))},
        user_attrs={"tables": {"gelu": {"segments": 8}}},
        constraints={"area": -0.25},
    )


def _values(kept):
    return [(trial.number, trial.value) for trial in kept.trials]


def test_what_it_wrote_itself_is_known_without_reading(two, monkeypatch):
    own, _ = two
    monkeypatch.setattr(own.study, "get_trials", None)
    for value in (0.5, 1.5):
        own.write(_trial(value))
        assert own.read() is own.trials
    assert _values(own) == [(0, 0.5), (1, 1.5)]


def test_what_it_knows_is_what_a_reader_finds(two):
    own, _ = two
    own.write(_trial(0.5))
    (known,), (read,) = own.trials, own.study.get_trials()
    read._trial_id, read.datetime_start = known._trial_id, known.datetime_start
    read.datetime_complete = known.datetime_complete
    assert known == read
    assert known.constraints == read.constraints


@pytest.mark.parametrize("who", ["01", "10", "0110", "1001", "11010"])
def test_in_whatever_order_several_write_each_sees_all_in_the_order_of_numbers(two, who):
    for number, one in enumerate(who):
        two[int(one)].write(_trial(float(number)))
    for kept in two:
        kept.read()
        assert _values(kept) == [(number, float(number)) for number in range(len(who))]


def test_a_view_that_is_behind_is_not_added_to(two):
    own, other = two
    other.write(_trial(0.5))
    own.write(_trial(1.5))
    assert own.trials == []
    assert [trial.value for trial in own.read()] == [0.5, 1.5]


def test_trials_of_other_studies_do_not_count(two, database):
    another = optuna.create_study(study_name="another", storage=database.optuna)
    KeptStudy(another, database.writer).write(_trial(0.5))
    assert two[0].read() == []


def test_a_trial_that_optuna_runs_is_read_until_it_ends(two):
    kept, _ = two
    running = kept.study.ask()
    assert [trial.value for trial in kept.read()] == [None]
    kept.study.tell(running, 0.5)
    assert [trial.value for trial in kept.read()] == [0.5]
    assert kept.read() is kept.trials
