import optuna
import pytest

from dse import storage
from dse.storage import runs
from dse.storage.kept import KeptStudy
from dse.storage.mirror import TICKET


@pytest.fixture
def database(tmp_path):
    return storage.open_sqlite(tmp_path / "study.db")


@pytest.fixture
def study(database):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return KeptStudy(optuna.create_study(study_name="s", storage=database.optuna), database.writer)


@pytest.fixture
def locks(database):
    return database.locks


def _use(study, run, ticket, part=0):
    attrs = {TICKET: [run.number, ticket, part]}
    study.write(optuna.trial.create_trial(value=1.0, user_attrs=attrs))


def test_tickets_go_out_one_by_one_until_all_are_used(study, locks):
    run = runs.begin(study, locks, 3, {})
    for expected in range(3):
        with run.take() as ticket:
            assert ticket == expected
            _use(study, run, ticket)
    assert run.finished
    with run.take() as ticket:
        assert ticket is None


def test_a_ticket_that_another_holds_is_passed_over(study, locks):
    run = runs.begin(study, locks, 2, {})
    other = runs.latest(study, locks)
    with run.take() as first, other.take() as second, other.take() as third:
        assert (first, second, third) == (0, 1, None)


def _interrupted(run):
    with run.take() as ticket:
        assert ticket == 0
        raise KeyboardInterrupt


def test_a_ticket_that_was_not_used_comes_back(study, locks):
    run = runs.begin(study, locks, 2, {})
    with pytest.raises(KeyboardInterrupt):
        _interrupted(run)
    for worker in (run, runs.latest(study, locks)):
        with worker.take() as ticket:
            assert ticket == 0


def test_what_others_used_meanwhile_is_seen(study, locks, database):
    run = runs.begin(study, locks, 4, {})
    elsewhere = KeptStudy(study.study, database.writer)
    for ticket in (0, 1):
        _use(elsewhere, run, ticket)
    for expected in (2, 3):
        with run.take() as ticket:
            assert ticket == expected
            assert [trial.user_attrs[TICKET][1] for trial in study.trials] == list(range(expected))
            _use(study, run, ticket)
    assert runs.latest(elsewhere, locks).done() == {0, 1, 2, 3}


def test_another_design_of_a_trial_uses_no_ticket(study, locks):
    run = runs.begin(study, locks, 2, {})
    _use(study, run, 0, part=1)
    assert run.done() == set()
    _use(study, run, 0)
    assert run.done() == {0}


def test_each_run_counts_its_own_and_knows_what_was_before(study, locks):
    first = runs.begin(study, locks, 2, {"who": "a"})
    _use(study, first, 0)
    second = runs.begin(study, locks, 5, {"who": "b"})
    assert (first.before, second.before) == (0, 1)
    assert not second.done()
    latest = runs.latest(study, locks)
    assert (latest.number, latest.trials, latest.before) == (1, 5, 1)
    assert [run["about"] for run in study.study.user_attrs["runs"]] == [{"who": "a"}, {"who": "b"}]


def test_a_study_without_a_run(study, locks):
    assert runs.latest(study, locks) is None
