"""What docs/many_machines.md says of clusters, as far as one machine can run it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import dse
from dse.errors import UserError
from dse.loop.executors import find_scheduler
from dse.study import Study

pytest.importorskip("distributed", reason="needs distributed, of the extra `cluster`")

TESTS, ROOT = Path(__file__).parents[1], Path(__file__).parents[3]
NEURALMATRIX = [sys.executable, "-c", "from dse.cli import main; main()"]
LOOPBACK = ["--host", "127.0.0.1"]
OPENSSL = """
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 1 -subj /CN=study-ca
openssl req -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=127.0.0.1
openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out own.pem -days 1
"""


class Cluster:
    """A scheduler and a worker, started as the page says."""

    def __init__(self, folder, scheme="tcp", **environment):
        self.folder, self.scheme, self._started = folder, scheme, []
        path = os.pathsep.join([str(TESTS), str(ROOT)])
        self.environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"} | environment

    def start(self, *command):
        log = (self.folder / f"log{len(self._started)}").open("w")
        process = subprocess.Popen(  # noqa: S603 - our own programs
            command, env=self.environment, cwd=self.folder, stderr=log, start_new_session=True
        )
        self._started.append(process)
        return process

    def scheduler(self):
        options = ["--port", "0", "--no-dashboard", "--scheduler-file", "scheduler.json"]
        self.start(
            sys.executable, "-m", "distributed.cli.dask_scheduler", *LOOPBACK, *options,
            "--protocol", self.scheme,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not (self.folder / "scheduler.json").exists():
            assert time.monotonic() < deadline, (self.folder / "log0").read_text()
            time.sleep(0.05)
        self.address = json.loads((self.folder / "scheduler.json").read_text())["address"]
        return self.address

    def run(self, trials):
        arguments = [self.folder / "light.toml", self.folder / "out", trials, self.address]
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, TESTS / "light.py", *map(str, arguments)],
            env=self.environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def end(self):
        for process in self._started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def cluster(light, tmp_path):
    made = []

    def make(scheme="tcp", **environment):
        made.append(Cluster(tmp_path, scheme, **environment))
        return made[-1]

    yield make
    for each in made:
        each.end()


def test_our_worker_over_tls_with_certificates_of_ones_own(cluster, tmp_path, monkeypatch):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make certificates")
    for line in OPENSSL.strip().splitlines():
        subprocess.run(line.split(), cwd=tmp_path, check=True, capture_output=True)  # noqa: S603
    names = {"CA_FILE": "ca.pem"}
    for of in ("SCHEDULER", "WORKER", "CLIENT"):
        names |= {f"{of}__CERT": "own.pem", f"{of}__KEY": "own.key"}
    own = cluster(
        "tls", **{f"DASK_DISTRIBUTED__COMM__TLS__{n}": str(tmp_path / file) for n, file in names.items()}
    )
    address = own.scheduler()
    assert address.startswith("tls://127.0.0.1:")
    own.start(*NEURALMATRIX, "worker", address, "--processes", "2")
    ended = own.run(3)
    assert ended.returncode == 0, ended.stderr
    assert [r.state for r in Study.open(tmp_path / "out").records() if r.part == 0] == ["complete"] * 3
    assert len((tmp_path / "log").read_text().splitlines()) == 6  # scored by the workers, each once
    monkeypatch.setattr("dse.loop.executors.cluster.CONNECT_S", 0.5)
    with pytest.raises(UserError, match="TLS expects"):  # here, where no certificate is configured
        find_scheduler(address)
    with pytest.raises(UserError, match="no Dask scheduler"):
        find_scheduler(address.replace("tls://", "tcp://"))


SLURM = {
    "sbatch": "#!/bin/sh\ncp $1 job.sh\nsetsid sh job.sh >sbatch.log 2>&1 &\n"
    "echo $! >>jobs\necho Submitted batch job $!\n",
    "scancel": "#!/bin/sh\nkill -9 -$1\n",
}
"""A Slurm of one machine: a job is a session of its own; its script is copied, as the given one goes."""


def test_the_slurm_script_as_the_page_has_it(light, tmp_path, monkeypatch):
    jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    for name, script in SLURM.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(ROOT)]))
    here = {"interface": "lo", "scheduler_options": {"dashboard_address": None}}
    with jobqueue.SLURMCluster(cores=1, processes=1, memory="4GB", walltime="04:00:00", **here) as cluster:
        cluster.scale(jobs=1)
        address = cluster.scheduler_address
        study = dse.run("light.toml", trials=3, out="out", cluster=address, make_network=light.make)
        assert sum(own.part == 0 for own in study.records()) == 3
    job = int((tmp_path / "jobs").read_text())
    deadline = time.monotonic() + 30
    while psutil.pid_exists(job) and psutil.Process(job).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the job outlived its cluster"
        time.sleep(0.05)


def test_a_slurm_job_is_a_dask_worker() -> None:
    jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    with jobqueue.SLURMCluster(cores=1, processes=1, memory="4GB", walltime="04:00:00") as cluster:
        script = cluster.job_script()
    assert "#SBATCH -t 04:00:00" in script
    assert "dask_worker" in script
    assert "tcp://" in script
