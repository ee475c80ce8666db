"""kill -9 of a worker, a Dask worker, the scheduler, the coordinator, the database, at random moments.

Nothing that was finished is lost, nothing is there twice, and the same command makes the count right. One
kill of each runs with every test run, twenty with the slow tests.
"""

import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import optuna
import psutil
import pytest

from dse import storage
from dse.errors import UserError
from dse.study import Study

EVALUATIONS = 6
WORKERS = 2
ROOT = Path(__file__).parents[2]


def _environment(folder):
    path = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
    return os.environ | {"PYTHONPATH": path, "LIGHT_SECONDS": "0.1", "OMP_NUM_THREADS": "1"}


class Dask:
    """A scheduler and workers of this machine, each a process that can be killed."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.scheduler = self.workers = None

    def start(self):
        if self.scheduler is None or self.scheduler.poll() is not None:
            port = self.address.rpartition(":")[2]
            options = ["--host", "127.0.0.1", "--port", port, "--no-dashboard"]
            self.scheduler = self._run("distributed.cli.dask_scheduler", *options)
        alive = [worker for worker in self.workers or [] if worker.poll() is None]
        missing = range(WORKERS - len(alive))
        options = ["--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard", "--no-nanny"]
        self.workers = alive + [
            self._run("distributed.cli.dask_worker", self.address, *options) for _ in missing
        ]

    def _run(self, module, *options):
        return subprocess.Popen(  # noqa: S603 - Dask's own programs
            [sys.executable, "-m", module, *options],
            env=_environment(self.folder),
            cwd=self.folder,
            stderr=subprocess.DEVNULL,
        )

    def end(self):
        for process in (*(self.workers or []), self.scheduler):
            if process is not None:
                process.kill()
                process.wait()


class Command:
    """A run of the light study that is started again and again, with what can be killed of it."""

    def __init__(self, folder, url, cluster=None):
        self.folder, self.url, self.cluster = folder, url, cluster

    def start(self):
        if self.cluster:
            self.cluster.start()
        where = self.cluster.address if self.cluster else WORKERS
        arguments = [self.folder / "light.toml", self.folder / "out", EVALUATIONS, where, self.url]
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(Path(__file__).parent / "light.py"), *map(str, arguments)],
            env=_environment(self.folder),
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
        _, err = self.process.communicate(timeout=240)
        return self.process.returncode, err

    def records(self):
        database = storage.open_url(self.url)
        try:
            return Study.load(database, "light").records()
        except UserError:  # not begun yet
            return []
        finally:  # asked often: a server has a hundred connections
            database.optuna.engine.dispose()

    def evaluations(self):
        return sum(own.part == 0 for own in self.records())


def kill_a_worker(command, server):
    if workers := command.workers():
        random.choice(workers).kill()  # noqa: S311 - any will do
    code, err = command.wait()
    assert code == 0, err


def kill_the_coordinator(command, server):
    workers = command.workers()
    command.process.kill()
    command.wait()
    _, alive = psutil.wait_procs(workers, timeout=60)  # they end with it
    assert not alive


def kill_the_database(command, server):
    server.kill()
    code, err = command.wait()
    server.start()
    if code:  # the run may just have been done
        assert code == 2
        assert "Traceback" not in err
        assert "postgres" in err
        assert err.count("\n") == 1, err


def kill_a_dask_worker(command, server):
    random.choice(command.cluster.workers).kill()  # noqa: S311
    code, err = command.wait()
    assert code == 0, err


def kill_the_scheduler(command, server):
    command.cluster.scheduler.kill()
    code, err = command.wait()
    command.cluster.end()
    if code:
        assert code == 2
        assert "Traceback" not in err
        assert "its scheduler is gone" in err.splitlines()[-1]


KILLS = {
    "worker": kill_a_worker,
    "coordinator": kill_the_coordinator,
    "database": kill_the_database,
    "Dask worker": kill_a_dask_worker,
    "Dask scheduler": kill_the_scheduler,
}
GOES_ON = ("worker", "Dask worker")
"""Whose end the run survives."""


def kill_again_and_again(command, server, victim, times):
    for _ in range(times):
        before = known(command.records())
        count = command.evaluations()
        command.start()
        deadline = time.monotonic() + 240
        while (
            command.evaluations() <= count and time.monotonic() < deadline and command.process.poll() is None
        ):
            time.sleep(0.05)
        finished = known(command.records())
        time.sleep(random.uniform(0, 0.3))  # noqa: S311
        if command.process.poll() is None:
            KILLS[victim](command, server)
        else:
            assert command.wait()[0] == 0
        assert before <= finished <= known(command.records())  # nothing that was there is lost
        assert command.evaluations() > count
        if victim in GOES_ON:
            assert command.evaluations() == count + EVALUATIONS
    count = command.evaluations()
    command.start()
    code, err = command.wait()
    assert code == 0, err
    assert command.evaluations() == count + EVALUATIONS


def known(records):
    return {(own.number, str(own.params), str(own.metrics)) for own in records}


def check_nothing_is_there_twice(command):
    records = command.records()
    assert {own.state for own in records} == {"complete"}, {own.reason for own in records}
    assert [own.number for own in records] == list(range(len(records)))
    assert len({str(own.params) for own in records}) == len(records)
    assert len({(own.evaluation, own.part) for own in records}) == len(records)
    assert all(
        sum(own.evaluation == e and own.part == 0 for own in records) == 1
        for e in {o.evaluation for o in records}
    )


@pytest.fixture
def command(tmp_path, light, victim, postgresql):
    cluster = None
    if victim.startswith("Dask"):
        pytest.importorskip("distributed", reason="needs distributed, of the extra `cluster`")
        cluster = Dask(tmp_path)
    url = postgresql.new_database() if victim == "database" else f"sqlite:///{tmp_path}/kept.db"
    yield Command(tmp_path, url, cluster)
    if cluster:
        cluster.end()


OFTEN = [pytest.param(victim, 20, marks=pytest.mark.slow) for victim in KILLS]


@pytest.mark.parametrize(("victim", "times"), [*((victim, 1) for victim in KILLS), *OFTEN])
def test_whatever_is_killed_nothing_that_was_finished_is_lost(command, postgresql, victim, times):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kill_again_and_again(command, postgresql, victim, times)
    check_nothing_is_there_twice(command)
