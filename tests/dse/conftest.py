"""A network that needs no torch: its fidelity follows from its tables by a formula."""

import importlib.util
import json
import math
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from accel_models import Gemm, Hadamard, Lookup, Workload
from dse.directions import pack

ADDRESSING = {"uniform": "shift", "dyadic": "dyadic"}
STUDY = """
[search]
seed = 1
strategy = "joint"
[approximation]
segments = [2, 4, 8, 16]
placement = ["uniform", "minimax"]
bias = "minimax"
[hardware]
rows = [4, 8, 16]
cols = [4, 8, 16]
data_width = "int16"
weight_buffer = [64, 65536]
input_buffer = 65536
output_buffer = 65536
parameter_buffer = [256, 1024]
"""

HARDWARE = """
[search]
objectives = ["throughput_per_watt", "area_mm2"]
[hardware]
rows = [4, 8, 16]
cols = [4, 8]
input_buffer = 65536
weight_buffer = [64, 65536]
output_buffer = 65536
parameter_buffer = [256, 1024]
[[networks]]
name = "bert-base"
"""
NETWORKS = """
[search]
objectives = ["latency_s", "energy_j", "area_mm2"]
[reference]
technologies = ["28nm"]
[constraints]
area_mm2 = "reference"
[hardware]
rows = [8, 16, 32]
cols = [8, 16]
dataflow = ["ws", "os"]
[[networks]]
name = "resnet50"
[[networks]]
name = "bert-base"
weight = 2.0
"""


class FakeErrors:
    """One error a table."""

    def of(self, key, table):
        return np.array([(1 if table["placement"] == "minimax" else 2) / table["segments"] ** 2])

    def parts(self, key):
        return np.zeros((2, 1), np.intp)


class FakeNetwork:
    """One GEMM and two tables; quality falls with the squared distance between knots."""

    functions = ("exp", "gelu")
    sites = {"a.exp": "exp", "a.gelu": "gelu"}  # noqa: RUF012
    fingerprint = "fake"
    errors = FakeErrors()
    original = {"accuracy": 0.96, "fidelity": 1.0, "agreement": 1.0, "kl_divergence": 0.0}  # noqa: RUF012
    certificate = {  # noqa: RUF012
        "counts": {"gemm": 1, "lookup": 2},
        "functions": {"exp": 1, "gelu": 1},
        "entries": [{"node": "linear", "op": "aten.linear", "kind": "gemm", "module": "a.<b>bold</b>"}],
    }
    inputs = {  # noqa: RUF012
        "exp": {"site": "a.exp", "sites": 1, "domain": [-12.0, 0.0], "density": None},
        "gelu": {
            "site": "a.gelu",
            "sites": 2,
            "domain": [-5.0, 4.0],
            "density": {"edges": [-5.0, -1.0, 1.0, 4.0], "counts": [1.0, 6.0, 2.0]},
        },
    }

    def __init__(self, config=None):
        self.scored = []

    def workload(self, tables):
        lookups = [
            Lookup(4096, table["segments"], ADDRESSING.get(table["placement"], "comparator"), f"a.{function}")
            for function, table in tables.items()
        ]
        return Workload([Gemm(m=64, n=64, k=64, name="a.linear"), Hadamard(4096, name="a.add"), *lookups])

    def accumulator(self, chosen):
        return chosen.get("accumulator_bits", 48 if chosen["data_width"] == "int16" else 32)

    def quality(self, tables, chosen, share=1.0):
        tables, chosen = tables or {}, chosen or {}
        self.scored.append(json.dumps([tables, chosen], sort_keys=True))
        shares = [(1 if t["placement"] == "minimax" else 4) / t["segments"] ** 2 for t in tables.values()]
        shares.append(1e-3 if chosen.get("data_width") == "int8" else 0.0)
        divergence = sum(shares) or 1e-9
        return {
            "accuracy": 0.96 * math.exp(-divergence / 4),
            "fidelity": math.exp(-divergence),
            "agreement": math.exp(-divergence / 3),
            "kl_divergence": divergence,
            "direction": pack(np.sqrt(np.array(shares) / divergence)),
        }


@pytest.fixture(scope="session", autouse=True)
def scores_of_the_session(tmp_path_factory):
    """Keep scores of made-up networks out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("scores")
        patch.setattr("dse.evaluate.cache.cache_folder", lambda: folder)
        yield


@pytest.fixture(autouse=True)
def scores_of_the_test(tmp_path, monkeypatch):
    """Let no test find what another one scored."""
    monkeypatch.setattr("dse.evaluate.cache.cache_folder", lambda: tmp_path / "cache")


@pytest.fixture(scope="session")
def fake_network():
    return FakeNetwork


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """A fresh place to keep studies at, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kept.db"
    return request.getfixturevalue("postgresql").new_database()


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def no_results(monkeypatch):
    """Leave out drawing and reporting, which other tests look at."""
    monkeypatch.setattr("dse.job.write_results", lambda study: [])


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished study of 24 trials with its results, not to be changed."""
    import dse

    folder = tmp_path_factory.mktemp("study")
    (folder / "small.toml").write_text(STUDY)
    return dse.run(folder / "small.toml", trials=24, out=folder / "out", make_network=FakeNetwork)


@pytest.fixture(scope="session")
def three(tmp_path_factory):
    """A finished study of three objectives, without results."""
    import dse

    folder = tmp_path_factory.mktemp("three")
    objectives = '[search]\nobjectives = ["fidelity", "throughput_per_watt", "area_mm2"]'
    (folder / "three.toml").write_text(STUDY.replace("[search]", objectives))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dse.job.write_results", lambda study: [])
        return dse.run(folder / "three.toml", trials=16, out=folder / "out", make_network=FakeNetwork)


def of_network(name, size=None, batch=1, phase=None, approximation=None):
    """A workload that stands for a network of full size, traced in no time."""
    rows = size or (224 if "res" in name else 128)
    gemm = Gemm(rows, 256, 128 if "res" in name else 300, "linear")
    return Workload(
        [gemm, Lookup(rows * 256, 16, "shift", "layer.gelu"), Lookup(64, 2, "shift", "relu", "relu")], batch
    )


@pytest.fixture
def small_networks(monkeypatch):
    """Networks of full size that are traced in no time."""
    monkeypatch.setattr("approx.zoo.workload", of_network)


@pytest.fixture(scope="session")
def hardware(tmp_path_factory):
    """A finished study of the hardware of one network, not to be changed."""
    return _of_hardware(tmp_path_factory.mktemp("hardware"), HARDWARE)


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """A finished study of the hardware of two networks, with a reference."""
    return _of_hardware(tmp_path_factory.mktemp("networks"), NETWORKS)


def _of_hardware(folder, text):
    import dse

    (folder / "small.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("approx.zoo.workload", of_network)
        return dse.run(folder / "small.toml", out=folder / "out")


@pytest.fixture
def own_study(study, tmp_path):
    """A copy of the study, its database alone, for tests that change it."""
    from dse.study import Study

    (tmp_path / "own").mkdir()
    with (
        closing(sqlite3.connect(study.folder / "study.db")) as source,
        closing(sqlite3.connect(tmp_path / "own" / "study.db")) as copy,
    ):
        source.backup(copy)
    return Study.open(tmp_path / "own")


@pytest.fixture(scope="session")
def unfinished(tmp_path_factory):
    """A study of three trials that all failed."""
    import dse

    class Broken(FakeNetwork):
        fingerprint = "broken"

        def quality(self, tables, chosen, share=1.0):
            raise RuntimeError("broken")

    folder = tmp_path_factory.mktemp("unfinished")
    (folder / "small.toml").write_text(STUDY.replace("[64, 65536]", "65536"))
    return dse.run(folder / "small.toml", trials=3, out=folder / "out", make_network=Broken)


class Server:
    """A PostgreSQL server of the tests' own, that can be killed and started again."""

    def __init__(self, folder):
        import pgserver

        self._server = pgserver.get_server(folder, cleanup_mode=None)
        self.folder = folder
        self.sql("ALTER SYSTEM SET max_connections = 400;")  # of a whole session of tests, in one process
        os.kill(self.pid, signal.SIGINT)
        self.start()

    def url(self, database="postgres", user="postgres", password=""):
        return f"postgresql://{user}:{password}@/{database}?host={self.folder}"

    def sql(self, text):
        self._server.psql(text)

    def new_database(self):
        name = f"d{uuid4().hex[:12]}"
        self.sql(f"CREATE DATABASE {name};")
        return self.url(name)

    @property
    def pid(self):
        return int((self.folder / "postmaster.pid").read_text().splitlines()[0])

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def start(self):
        deadline = time.monotonic() + 30
        while True:  # until the last of the killed server's processes has noticed
            try:
                self._server.ensure_postgres_running()
                self.sql("SELECT 1;")  # a killed server that nobody has waited for yet passes for a live one
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """A PostgreSQL server that the tests start themselves."""
    pytest.importorskip(
        "pgserver", reason="needs pgserver, of the extra `test`, to start a PostgreSQL server"
    )
    runtime = tmp_path_factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        folder = Path(tempfile.mkdtemp(prefix="pg"))  # the path of its socket must be short
        server = Server(folder)
        yield server
        os.kill(server.pid, signal.SIGQUIT)  # stops at once, whoever is still connected
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def light(tmp_path, monkeypatch):
    """The module of a network for worker processes, and a study file in this folder."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("NEURALMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIGHT_LOG", str(tmp_path / "log"))
    monkeypatch.setattr("dse.job.write_results", lambda study: [])
    module = importlib.import_module("light")
    (tmp_path / "light.toml").write_text(module.STUDY.format(strategy="nested"))
    return module


@pytest.fixture
def timeloop_double():
    """A double of timeloop-model, as a module."""
    path = Path(__file__).parent / "results" / "timeloop_double.py"
    spec = importlib.util.spec_from_file_location("timeloop_double", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
