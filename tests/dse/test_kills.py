"""kill -9 of a worker, the coordinator, the database, at random moments: nothing that was finished is lost.

One kill runs with every test run, twenty of each with the slow tests.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import psutil
import pytest
from sqlalchemy import text

from approx.folders import cache_folder
from dse import storage
from dse.directions import DIRECTION
from dse.errors import UserError
from dse.storage import runs
from dse.study import Study

TRIALS = 6
WORKERS = 2
ROOT = Path(__file__).parents[2]


class Command:
    """A run of the light study that is started again and again, with what can be killed of it."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url

    def start(self):
        path = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
        arguments = [
            str(self.folder / "light.toml"),
            str(self.folder / "out"),
            str(TRIALS),
            str(WORKERS),
            self.url,
        ]
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(Path(__file__).parent / "light.py"), *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": path, "LIGHT_SECONDS": "0.1"},
            stderr=subprocess.PIPE,
            text=True,
        )

    def workers(self):
        try:
            children = psutil.Process(self.process.pid).children()
            return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        except psutil.NoSuchProcess:  # it has just ended, or one of them has
            return []

    def wait(self):
        _, err = self.process.communicate(timeout=120)
        return self.process.returncode, err

    def study(self):
        return Study.load(storage.open_url(self.url), "light")

    def finished(self):
        database = storage.open_url(self.url)
        try:
            return len(runs.tickets(Study.load(database, "light").kept))
        except UserError:  # not begun yet
            return 0
        finally:  # asked often: a server has a hundred connections
            database.optuna.engine.dispose()


def kill_a_worker(command, server):
    if workers := command.workers():
        random.choice(workers).kill()  # noqa: S311 - any will do
    code, err = command.wait()
    assert code == 0, err


def kill_the_coordinator(command, server):
    workers = command.workers()
    command.process.kill()
    command.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)  # they end after their trial
    assert not alive


def kill_the_database(command, server):
    server.kill()
    code, err = command.wait()
    server.start()
    if code:  # the run may just have been done
        assert code == 2
        assert "Traceback" not in err, err
        assert "lost" in err or "server" in err


KILLS = {"worker": kill_a_worker, "coordinator": kill_the_coordinator, "database": kill_the_database}


def kill_again_and_again(command, server, victim, times):
    """Kill and run again, and check after each what must hold."""
    for _ in range(times):
        before = command.finished()
        command.start()
        deadline = time.monotonic() + 120
        while command.finished() <= before and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(random.uniform(0, 0.3))  # noqa: S311
        if command.process.poll() is None:
            KILLS[victim](command, server)
        else:
            command.wait()
        after = command.finished()
        assert after > before
        if victim == "worker":
            assert after == before + TRIALS
    before = command.finished()
    command.start()
    assert command.wait()[0] == 0
    assert command.finished() == before + TRIALS


def check_nothing_is_lost(command, victim, kills):
    study = command.study()
    tickets = runs.tickets(study.kept)
    assert len(set(tickets)) == len(tickets)
    assert {trial.state for trial in study.optuna.trials} == {optuna.trial.TrialState.COMPLETE}
    assert [trial.number for trial in study.optuna.trials] == list(range(len(study.optuna.trials)))
    for trial in study.optuna.trials:
        assert set(trial.params) == set(study.space.searched)
        assert trial.user_attrs["metrics"]["throughput_per_watt"] == trial.values[1]
    with study.database.memo.engine.connect() as connection:
        kept = connection.execute(text("SELECT figures FROM neuralmatrix_scores")).scalars().all()
    assert all(set(json.loads(figures)) == {*study.original, DIRECTION} for figures in kept)
    done = Counter(
        line for line in (command.folder / "log").read_text().splitlines() if line.startswith("done")
    )
    # Scored, and killed before it was kept: with the database every worker loses the score it is at.
    assert sum(done.values()) - len(done) <= kills * (WORKERS if victim == "database" else 1)
    assert len(kept) >= len({str(trial.user_attrs["tables"]) for trial in study.optuna.trials})


ONCE = [
    ("worker", 1),  # that of the coordinator is tested with the command line
    pytest.param("database", 1, marks=pytest.mark.slow),  # a server's recovery takes from seconds to a minute
]
OFTEN = [pytest.param(victim, 20, marks=pytest.mark.slow) for victim in KILLS]


@pytest.mark.parametrize(("victim", "times"), [*ONCE, *OFTEN])
def test_whatever_is_killed_nothing_that_was_finished_is_lost(light, tmp_path, postgresql, victim, times):
    command = Command(tmp_path, postgresql.new_database())
    kill_again_and_again(command, postgresql, victim, times)
    check_nothing_is_lost(command, victim, times)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "coordinator"])
def test_the_same_on_sqlite(light, tmp_path, monkeypatch, victim):
    monkeypatch.setattr("dse.storage.cache_folder", cache_folder)  # where the command keeps its scores
    command = Command(tmp_path, f"sqlite:///{tmp_path}/kept.db")
    kill_again_and_again(command, None, victim, 20)
    check_nothing_is_lost(command, victim, 20)
