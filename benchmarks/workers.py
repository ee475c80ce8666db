"""How well workers are kept busy, and what the coordinator takes beside a score.

    python benchmarks/workers.py efficiency processes   # 2, 4 and 8 workers, a score of 1 s that only sleeps
    python benchmarks/workers.py efficiency dask        # the same with Dask workers of this machine
    python benchmarks/workers.py overhead               # the coordinator's time per evaluation

`--storage URL` keeps the trials elsewhere; `postgresql` starts a server for it (pip install pgserver); else
it is SQLite. Efficiency is of steady work: the time that the scores alone would take, shared by all workers,
over the time that the evaluations took, without each worker's first two. The time before these, in which
processes start, load modules and make their network, is told apart.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the command line does

import numpy as np
import optuna
from numpy.typing import NDArray

from accel_models import Gemm, Lookup, Workload
from approx.folders import VARIABLE as CACHE
from dse import storage
from dse.directions import DIRECTION, pack
from dse.study import Study
from dse.study_file import StudyFile, parse

STUDY = """
[search]
strategy = "{strategy}"
sampler = "{sampler}"
[approximation]
segments = [2, 4, 8, 16, 32]
placement = ["uniform", "dyadic", "minimax"]
bias = ["minimax", "least_squares"]
[hardware]
rows = [4, 8, 16, 32]
cols = [4, 8, 16, 32]
dataflow = ["ws", "os", "is"]
input_buffer = [4096, 16384]
weight_buffer = [4096, 16384]
output_buffer = [16384, 65536]
parameter_buffer = [512, 1024, 2048, 4096]
"""
"""The space of studies/bert_digits.toml: 15 parameters for tables, 7 for hardware."""

SECONDS = "SLEEPING_SECONDS"


class Errors:
    """One error a table. See `dse.evaluate.TableErrors`."""

    def of(self, key: str, table: Mapping[str, Any]) -> NDArray[np.float64]:
        scale = {"uniform": 10.0, "dyadic": 3.0, "minimax": 1.0}[table["placement"]]
        error = scale * len(key) * (2 if table["bias"] == "minimax" else 1) * table["segments"] ** -4
        return np.array([math.sqrt(error)])

    def parts(self, _key: str) -> NDArray[np.intp]:
        return np.zeros((2, 1), np.intp)


class Sleeping:
    """A network of five functions whose score is a formula, after a sleep."""

    functions = ("exp", "gelu", "reciprocal", "rsqrt", "tanh")
    sites = dict(zip(functions, functions, strict=True))  # noqa: RUF012
    errors = Errors()
    fingerprint = "sleeping"
    original: Mapping[str, float] = {"accuracy": 1, "fidelity": 1, "agreement": 1, "kl_divergence": 0}
    certificate: Mapping[str, Any] = {"counts": {}, "functions": {}, "entries": []}
    inputs: Mapping[str, Any] = {}

    def workload(self, tables: Mapping[str, Mapping[str, Any]]) -> Workload:
        kinds = {"uniform": "shift", "dyadic": "dyadic"}
        lookups = [
            Lookup(4096, t["segments"], kinds.get(t["placement"], "comparator"), name)  # type: ignore[arg-type]
            for name, t in tables.items()
        ]
        return Workload([Gemm(m=64, n=64, k=64), Gemm(m=64, n=256, k=64), *lookups])

    def accumulator(self, chosen: Mapping[str, Any]) -> int:
        return int(chosen.get("accumulator_bits", 32))

    def quality(
        self, tables: Mapping[str, Mapping[str, Any]], _chosen: object, _share: float = 1.0
    ) -> dict[str, Any]:
        time.sleep(float(os.environ[SECONDS]))
        moved = np.zeros(512)  # as many numbers as the direction of a real network has
        moved[: len(tables)] = [self.errors.of(name, table)[0] for name, table in tables.items()]
        loss = float(moved @ moved)
        figures = {"accuracy": 0.9, "fidelity": math.exp(-loss), "agreement": 0.9, "kl_divergence": loss}
        return {**figures, DIRECTION: pack(moved / math.sqrt(loss))}


def make(_config: StudyFile) -> Sleeping:
    return Sleeping()


@contextmanager
def place(storage_url: str | None, folder: Path) -> Iterator[str]:
    """Yield a storage URL: the one given, a file's, or that of a server started for it."""
    if storage_url is None:
        yield f"sqlite:///{folder}/study.db"
    elif storage_url != "postgresql":
        yield storage_url
    else:
        import pgserver

        with pgserver.get_server(folder / "server", cleanup_mode="delete") as server:
            yield server.get_uri()


@contextmanager
def scoring(kind: str, workers: int) -> Iterator[dict[str, Any]]:
    """Yield what `Study.optimize` is to score with: processes, or a Dask cluster of as many."""
    if kind == "processes":
        yield {"workers": workers}
        return
    from distributed import LocalCluster

    options = {"n_workers": workers, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with LocalCluster(**options) as cluster:
        yield {"cluster": cluster.scheduler_address}


def started(url: str, folder: Path, name: str, strategy: str = "nested", sampler: str = "auto") -> Study:
    text = STUDY.format(strategy=strategy, sampler=sampler)
    return Study.start(folder, storage.open_url(url), parse(text, name), text, make(parse(text)))


def efficiency(kind: str, url: str | None) -> None:
    os.environ[SECONDS] = "1"
    for workers in (2, 4, 8):
        with (
            tempfile.TemporaryDirectory() as folder,
            place(url, Path(folder)) as where,
            scoring(kind, workers) as scores,
        ):
            os.environ[CACHE] = folder  # no score of another number of workers
            study, ends = started(where, Path(folder), f"efficiency{workers}"), []
            network, wanted = make(study.config), 40 * workers
            on_trial = lambda _: ends.append(time.perf_counter())  # noqa: B023, E731 - called here
            begun = time.perf_counter()
            study.optimize(network, wanted, on_trial, make_network=make, **scores)
            seconds, timed = ends[-1] - ends[2 * workers - 1], wanted - 2 * workers
            share = timed / workers / seconds
            start = ends[2 * workers - 1] - begun - 2
            print(
                f"{kind}, {workers}: {timed} scores in {seconds:.1f} s, efficiency {share:.3f}; "
                f"start-up {start:.1f} s",
                flush=True,
            )


def overhead(url: str | None) -> None:
    os.environ[SECONDS] = "0"
    for strategy, sampler in (("nested", "auto"), ("nested", "tpe"), ("joint", "tpe"), ("joint", "nsga2")):
        with tempfile.TemporaryDirectory() as folder, place(url, Path(folder)) as where:
            study = started(where, Path(folder), "overhead", strategy, sampler)
            clocks = [(time.perf_counter(), time.process_time())]
            study.optimize(
                make(study.config),
                300,
                lambda _: clocks.append((time.perf_counter(), time.process_time())),  # noqa: B023 - called here
            )
            for total in (100, 200, 300):
                wall, work = (
                    (end - start) / 50 for start, end in zip(clocks[total - 50], clocks[total], strict=True)
                )
                print(
                    f"{strategy} {sampler}, evaluations {total - 49} to {total}: {wall * 1e3:.0f} ms each, "
                    f"{work * 1e3:.0f} ms of it CPU",
                    flush=True,
                )


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sys.path.insert(0, str(Path(__file__).parent))  # where worker processes find this module
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("efficiency", "overhead"))
    parser.add_argument("kind", nargs="?", choices=("processes", "dask"), default="processes")
    parser.add_argument("--storage", metavar="URL", help="where trials are kept, or postgresql")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ[CACHE] = cache  # no score that an earlier measurement kept
        if given.command == "overhead":
            overhead(given.storage)
        else:
            efficiency(given.kind, given.storage)


if __name__ == "__main__":
    main()
