"""The loop, in this process and with others: exact counts, nothing scored or recorded twice."""

import json
import os
import signal
from concurrent.futures import Future
from pathlib import Path

import optuna
import pytest

import dse
from dse import record, storage
from dse.errors import UserError
from dse.evaluate import score
from dse.loop.coordinator import MOST_LOSSES
from dse.progress import Silent
from dse.study import Study


def scored(folder):
    """Tables that were scored to the end."""
    lines = (folder / "log").read_text().splitlines() if (folder / "log").exists() else []
    return [line.removeprefix("done ") for line in lines if line.startswith("done ")]


def check_whole(study, evaluations):
    """Every evaluation is there once and whole, every trial is finished, no design is there twice."""
    records = [record.read(trial) for trial in study.optuna.trials]
    assert {own.state for own in records} <= {"complete"}, [own.reason for own in records]
    assert sum(own.part == 0 for own in records) == evaluations
    assert len({(own.evaluation, own.part) for own in records}) == len(records)
    assert len({json.dumps(own.params, sort_keys=True) for own in records}) == len(records)
    assert [own.number for own in records] == list(range(len(records)))


@pytest.mark.parametrize(
    ("strategy", "place"), [("nested", "postgresql"), ("joint", "sqlite")], indirect=["place"]
)
def test_two_workers_make_exactly_the_evaluations_asked_for(light, tmp_path, place, strategy):
    (tmp_path / "light.toml").write_text(light.STUDY.format(strategy=strategy))
    counted = []

    class Watch(Silent):
        def trial(self, study):
            counted.append(len(study.records()))

    study = dse.run(
        tmp_path / "light.toml",
        10,
        tmp_path / "out",
        workers=2,
        url=place,
        make_network=light.make,
        progress=Watch(),
    )
    check_whole(study, 10)
    assert counted == sorted(counted)
    assert len(counted) == 10
    assert len(set(scored(tmp_path))) == len(scored(tmp_path))
    known = {json.dumps(record.read(t).tables, sort_keys=True) for t in study.optuna.trials}
    assert known == set(scored(tmp_path))
    live = study.records()
    assert [own.params for own in live] == [own.params for own in Study.open(tmp_path / "out").records()]


def test_the_same_command_goes_on_and_its_folder_finds_the_study(light, tmp_path, place):
    def run(**options):
        return dse.run(
            tmp_path / "light.toml", 3, tmp_path / "out", url=place, make_network=light.make, **options
        )

    run()
    check_whole(run(), 6)
    if place.startswith("postgresql"):
        assert len(Study.open(tmp_path / "out").optuna.trials) == 6
    text = (tmp_path / "light.toml").read_text()
    (tmp_path / "light.toml").write_text(text.replace("rows = [4, 8]", "rows = [4, 16]"))
    with pytest.raises(UserError, match=r"light.toml: .* holds a study of another study file; use --new"):
        run()
    check_whole(run(new=True), 3)


def test_a_new_study_on_a_server_keeps_the_old_one_under_another_name(light, tmp_path, postgresql):
    url = postgresql.new_database()
    for new in (False, True, True):
        dse.run(tmp_path / "light.toml", 1, tmp_path / "out", url=url, new=new, make_network=light.make)
    database = storage.open_url(url)
    assert sorted(optuna.get_all_study_names(database.optuna)) == ["light", "light-1", "light-2"]


class Executor:
    """Scores at once, but loses its worker where it is told to."""

    def __init__(self, slots=1, losses=()):
        self.slots, self.ahead, self.losses, self.jobs = slots, 0, list(losses), []

    def submit(self, job):
        made = Future()
        self.jobs.append(job)
        if self.losses and self.losses.pop(0):
            made.set_exception(ConnectionError("lost"))
        else:
            made.set_result(score(job))
        return made

    def lost(self, error):
        return isinstance(error, ConnectionError)

    def close(self):
        pass


@pytest.fixture
def started(light, tmp_path):
    """A study of the light network that was begun, without evaluations."""
    study = dse.run(tmp_path / "light.toml", 1, tmp_path / "out", make_network=light.make)
    return study, light.make(None)


def test_what_a_lost_worker_was_scoring_is_submitted_again_a_few_times(started):
    study, network = started
    executor = Executor(losses=[True] * (MOST_LOSSES - 1) + [False] + [True] * MOST_LOSSES)
    assert study.optimize(network, 2, executor=executor) == 2
    *_, once, never = study.records()
    assert (once.state, never.state) == ("complete", "fail")
    assert never.reason == "3 workers were lost while they scored it: killed, or out of memory"
    assert len(executor.jobs) == 2 * MOST_LOSSES


def test_a_killed_run_that_recorded_part_of_an_evaluation_goes_on_with_the_rest(started):
    study, network = started
    (whole,) = study.optuna.trials
    found = record.read(whole)
    begun = optuna.create_study(directions=study.optuna.directions)
    other = record.TrialRecord(
        **{**vars(found), "part": 1, "parts": 2, "params": {**found.params, "rows": 4, "cols": 4}}
    )
    names = [figure.name for figure in study.objectives]
    begun.add_trial(record.frozen(other, names, study.space.distributions(other.params)))
    resumed = Study(study.folder, begun, study.database)
    resumed.__dict__["record"] = study.record
    coordinator_of(resumed, network).run(1)
    records = [record.read(trial) for trial in begun.trials]
    assert [(own.evaluation, own.part) for own in records] == [(0, 1), (0, 0)]
    assert records[1].tables == found.tables
    assert records[1].params == found.params


def coordinator_of(study, network):
    from dse.evaluate import ScoreCache
    from dse.loop.coordinator import Coordinator
    from dse.loop.interruption import Interruption

    space = Study.open(study.folder).space
    return Coordinator(study.optuna, space, network, None, Executor(), Interruption(), ScoreCache())


def test_scores_that_cannot_be_kept_are_said_so_and_the_run_goes_on(light, tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "scores").write_text("a file")
    with pytest.warns(UserWarning, match="score cache .*: cannot be .*; this run goes on without it"):
        study = dse.run(tmp_path / "light.toml", 2, tmp_path / "out", make_network=light.make)
    check_whole(study, 2)


SMALL = """
[search]
strategy = "joint"
sampler = "random"
[approximation]
segments = [2, 4]
placement = "minimax"
bias = "none"
[hardware]
rows = 4
cols = [4, 8]
dataflow = "ws"
input_buffer = 65536
weight_buffer = 65536
output_buffer = 65536
parameter_buffer = 4096
"""


def test_a_space_that_is_exhausted_ends_the_run_and_says_so(light, tmp_path):
    (tmp_path / "light.toml").write_text(SMALL)
    with pytest.warns(UserWarning, match="8 evaluations, not 50: all that was proposed is in the study"):
        study = dse.run(tmp_path / "light.toml", 50, tmp_path / "out", make_network=light.make)
    check_whole(study, 8)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
@pytest.mark.parametrize("strategy", ["nested", "joint"])
def test_a_sampler_that_repeats_itself_does_not_end_a_run_early(light, tmp_path, strategy, sampler):
    """All of 36 choices of tables are evaluated."""
    text = SMALL.replace('"random"', f'"{sampler}"').replace('"joint"', f'"{strategy}"')
    text = text.replace("segments = [2, 4]", "segments = [2, 4, 8]")
    text = text.replace('placement = "minimax"', 'placement = ["uniform", "minimax"]')
    (tmp_path / "light.toml").write_text(text.replace("cols = [4, 8]", "cols = 4"))
    with pytest.warns(UserWarning, match="36 evaluations, not 60: all that was proposed is in the study"):
        study = dse.run(tmp_path / "light.toml", 60, tmp_path / "out", make_network=light.make)
    check_whole(study, 36)


class _not_found_elsewhere:  # noqa: N801 - used as a function; a worker process cannot find its module
    def __init__(self, light):
        self._light = light

    def __call__(self, config):
        return self._light.make(config)

    def __reduce__(self):
        return (os.kill, (0, signal.SIGTERM)) if Path("/nowhere").exists() else (int, ("not a network",))


def test_a_job_that_no_worker_can_take_is_recorded_as_failed(light, tmp_path):
    study = dse.run(
        tmp_path / "light.toml", 1, tmp_path / "out", workers=2, make_network=_not_found_elsewhere(light)
    )
    (own,) = study.records()
    assert own.state == "fail"
    assert "workers were lost" in own.reason
