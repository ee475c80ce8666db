"""Several workers on one study, on SQLite and on PostgreSQL: exact counts, no tables scored twice."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import optuna
import pytest

import dse
from dse import storage
from dse.errors import NoStudyError, UserError
from dse.storage import runs
from dse.study import Study
from dse.worker import pool


def scored(folder):
    """Tables that were scored to the end."""
    lines = (folder / "log").read_text().splitlines()
    return [line.removeprefix("done ") for line in lines if line.startswith("done ")]


def check_whole(study, trials):
    """Every ticket of every run is there once, every trial is finished, no tables were scored twice."""
    states = {trial.state for trial in study.optuna.trials}
    assert states <= {optuna.trial.TrialState.COMPLETE}, [t.user_attrs for t in study.optuna.trials]
    tickets = runs.tickets(study.kept)
    assert len(set(tickets)) == len(tickets) == trials
    assert [trial.number for trial in study.optuna.trials] == list(range(len(study.optuna.trials)))


@pytest.mark.parametrize(
    ("strategy", "place"), [("nested", "postgresql"), ("joint", "sqlite")], indirect=["place"]
)
def test_four_workers_make_exactly_the_trials_asked_for(light, tmp_path, place, strategy):
    (tmp_path / "light.toml").write_text(light.STUDY.format(strategy=strategy))
    seen = []

    class Watch(dse.job.Silent):
        def trial(self, study):
            seen.append(study)

    study = dse.run(
        tmp_path / "light.toml",
        24,
        tmp_path / "out",
        workers=4,
        url=place,
        make_network=light.make,
        progress=Watch(),
    )
    check_whole(study, 24)
    assert len(seen) == 24
    assert len(set(scored(tmp_path))) == len(scored(tmp_path))
    figures = {json.dumps(t.user_attrs["tables"], sort_keys=True) for t in study.optuna.trials}
    assert figures == set(scored(tmp_path))


def test_two_runs_at_once_share_a_study(light, tmp_path, place):
    def run():
        dse.run(tmp_path / "light.toml", 8, tmp_path / "out", url=place, make_network=light.make)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    study = Study.load(storage.open_url(place), "light")
    check_whole(study, 16)
    assert [run["trials"] for run in study.optuna.user_attrs["runs"]] == [8, 8]
    assert len(set(scored(tmp_path))) == len(scored(tmp_path))


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


def test_what_a_worker_knows_of_its_own_trials_is_what_others_read(light, tmp_path, place):
    study = dse.run(tmp_path / "light.toml", 6, tmp_path / "out", url=place, make_network=light.make)
    assert len(study.kept.trials) >= 6
    for known, read in zip(study.kept.trials, study.optuna.get_trials(), strict=True):
        read._trial_id = known._trial_id
        assert known == read


def test_a_new_study_on_a_server_keeps_the_old_one_under_another_name(light, tmp_path, postgresql):
    url = postgresql.new_database()
    for new in (False, True, True):
        dse.run(tmp_path / "light.toml", 2, tmp_path / "out", url=url, new=new, make_network=light.make)
    database = storage.open_url(url)
    assert sorted(optuna.get_all_study_names(database.optuna)) == ["light", "light-1", "light-2"]
    assert len(Study.load(database, "light-1").optuna.trials) == 2


def test_a_worker_joins_the_latest_run_and_ends_with_it(light, tmp_path, place):
    study = dse.run(tmp_path / "light.toml", 2, tmp_path / "out", url=place, make_network=light.make)
    assert study.join(light.make(None), 7) == 0
    runs.begin(study.kept, study.database.locks, 5, {})
    assert study.join(light.make(None), 7, trials=2) == 2
    assert study.join(light.make(None), 7) == 3
    check_whole(study, 7)


def test_a_worker_with_another_network_is_refused(light, tmp_path, place):
    study = dse.run(tmp_path / "light.toml", 1, tmp_path / "out", url=place, make_network=light.make)
    other = light.make(None)
    other.fingerprint = "another"
    with pytest.raises(
        UserError, match="study light: its trials were scored with other weights, data or code"
    ):
        study.join(other, 0)


def test_a_study_that_is_not_there(place):
    with pytest.raises(NoStudyError, match=r"study = light: not in .*, which has none"):
        Study.load(storage.open_url(place), "light")


def test_workers_that_all_end_at_once_end_the_run(light, tmp_path, monkeypatch):
    monkeypatch.setattr("dse.worker.pool.MOST_LOSSES", 1)
    with pytest.raises(UserError, match="workers end before they finish a trial: exit status"):
        dse.run(tmp_path / "light.toml", 2, tmp_path / "out", workers=2, make_network=_once_only(light))


class _once_only:  # noqa: N801 - used as a function; a worker process cannot find its module
    def __init__(self, light):
        self._light = light

    def __call__(self, config):
        return self._light.make(config)

    def __reduce__(self):
        return (int, ("not a network",))


@pytest.mark.slow
def test_the_worker_command_joins_from_elsewhere(tiny_worker, postgresql):
    """The command itself, on a real network."""
    run = tiny_worker
    url = postgresql.new_database()
    assert run("run", "tiny.toml", "--trials", "2", "--storage", url).returncode == 0
    database = storage.open_url(url)
    study = Study.load(database, "tiny")
    runs.begin(study.kept, database.locks, 4, {})
    workers = [run("worker", "--storage", url, "--study", "tiny", wait=False) for _ in range(2)]
    for worker in workers:
        assert worker.wait(timeout=120) == 0
    assert len(set(runs.tickets(study.kept))) == 6


@pytest.fixture
def tiny_worker(tmp_path):
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("cli_conftest", Path(__file__).parent / "cli" / "conftest.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "tiny_task.py").write_text(module.TASK)
    (tmp_path / "tiny.toml").write_text(module.STUDY)

    def run(*arguments, wait=True):
        command = [sys.executable, "-c", "from dse.cli import main; main()", *arguments]
        path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
        process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path})  # noqa: S603
        if wait:
            process.wait(timeout=120)
        return process

    return run


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_worker_that_is_ending_heeds_no_signal(monkeypatch, interrupted):
    def join(*_):
        if interrupted:
            signal.raise_signal(signal.SIGTERM)
        return 2

    monkeypatch.setattr(pool, "_join", join)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            pool.serve("url", "name", None, 0)
        assert ended.value.code == (0 if interrupted else 2)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
