import os
import re
import signal
import subprocess
import sys
import time

import optuna
import pytest

import dse
from dse import record
from dse.errors import RunningError
from dse.loop import lock

HOLD = """
import sys, time
from pathlib import Path
from dse.loop.lock import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that runs a study in a folder."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", HOLD, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_in_a_line_that_says_who_runs_it_and_touches_nothing(light, tmp_path, other):
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    for new in (False, True):
        with pytest.raises(RunningError) as found:
            dse.run(tmp_path / "light.toml", 1, tmp_path / "out", new=new, make_network=light.make)
        said = rf"out: a run is under way: by process {other.pid} on \S+, started at [\d:]+: wait for it"
        assert re.search(said, str(found.value))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    other.send_signal(signal.SIGKILL)
    other.wait()
    study = dse.run(tmp_path / "light.toml", 1, tmp_path / "out", make_network=light.make)
    assert len(study.records()) == 1


@pytest.mark.parametrize("new", [False, True])
def test_a_second_run_at_the_same_file_from_another_folder_is_refused(light, tmp_path, new):
    dse.run(tmp_path / "light.toml", 1, tmp_path / "out", make_network=light.make)
    file = tmp_path / "out" / "study.db"
    before = file.read_bytes()
    url = f"sqlite:///{tmp_path}/out/../out/study.db"
    with lock.alone(tmp_path / "out", file), pytest.raises(RunningError, match=r"study.db: a run is under"):
        dse.run(tmp_path / "light.toml", 1, tmp_path / "own", url=url, new=new, make_network=light.make)
    assert file.read_bytes() == before
    assert not (tmp_path / "own").exists()


def test_a_lease_is_refused_while_its_holder_lives_or_may_live():
    study = optuna.create_study(study_name="s")
    with lock.leased(study):
        assert record.lease(study)["pid"] == os.getpid()
        with pytest.raises(RunningError, match=rf"study s: a run is under way: by process {os.getpid()} on"):
            lock.refuse_leased(study)
    lock.refuse_leased(study)
    elsewhere = {"pid": 1, "host": "elsewhere", "started": time.time(), "renewed": time.time() - 30}
    record.set_lease(study, elsewhere)
    with pytest.raises(RunningError, match="by process 1 on elsewhere"):
        lock.refuse_leased(study)
    record.set_lease(study, elsewhere | {"renewed": time.time() - 61})
    lock.refuse_leased(study)


def test_a_lease_of_a_process_of_this_machine_that_was_killed_holds_nobody_up(other):
    study = optuna.create_study()
    other.kill()
    other.wait()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.getpid", lambda: other.pid)
        record.set_lease(study, {**lock._self(), "renewed": time.time()})
    lock.refuse_leased(study)
