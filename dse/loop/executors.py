"""Where scores are made: in this process, in processes of this machine, or on a Dask cluster.

A new executor is one class more here: `slots`, how many scores at once; `submit`, which starts one; `lost`,
which tells a worker's end from an error of the score; and `close`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, CancelledError, Future, ProcessPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, Protocol

from dse.errors import ClusterLostError, UserError
from dse.evaluate import Figures, Job, score
from dse.loop.interruption import Interruption

Scoring = Future[Figures]

LOOK_S = 1.0
"""Between two looks at how many workers a cluster has."""

CONNECT_S = 10


class Executor(Protocol):
    """Makes scores.

    Attributes:
        slots: How many at once.
    """

    @property
    def slots(self) -> int: ...  # noqa: D102 - see the class

    def submit(self, job: Job) -> Scoring:
        """Start a score; at most `slots` are under way at a time."""

    def lost(self, error: BaseException) -> bool:
        """Whether a score ended because its worker did, and is to be submitted again."""

    def close(self) -> None:
        """Give up what is under way, and end the workers that this object started."""


def executor(workers: int, cluster: str | None, interruption: Interruption) -> Executor:
    """Return what scores are made with: a cluster if one is given, else processes, or this one alone."""
    if cluster is not None:
        return Cluster(cluster)
    return Here(interruption) if workers == 1 else Processes(workers)


class Here:
    """Scores in this process, one at a time. See `Executor`.

    Args:
        interruption: Lets a signal end a score.
    """

    slots = 1

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption

    def submit(self, job: Job) -> Scoring:
        """Make a score, and return it done."""
        made: Scoring = Future()
        try:
            with self._interruption.at_once():
                made.set_result(score(job))
        except Exception as error:
            made.set_exception(error)
        return made

    def lost(self, error: BaseException) -> bool:  # noqa: ARG002
        """Return False: this process is here."""
        return False

    def close(self) -> None:
        """Do nothing."""


class Processes:
    """Worker processes of this machine, each a pool of its own: a lost one takes nothing else with it.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self.slots = count
        self._context = multiprocessing.get_context("spawn")
        self._lifeline, self._end = self._context.Pipe(duplex=False)
        self._idle = [self._pool() for _ in range(count)]
        self._busy: dict[Scoring, ProcessPoolExecutor] = {}

    def submit(self, job: Job) -> Scoring:
        """Start a score in a process that is free; its process is started when it is first needed."""
        for done in [future for future in self._busy if future.done()]:
            pool = self._busy.pop(done)
            self._idle.append(self._pool() if self._is_broken(done, pool) else pool)
        pool = self._idle.pop(0)
        try:
            future = pool.submit(score, job)
        except BrokenExecutor:  # its process was killed while it had nothing to do
            pool.shutdown(wait=False)
            pool = self._pool()
            future = pool.submit(score, job)
        self._busy[future] = pool
        return future

    def lost(self, error: BaseException) -> bool:
        """Whether the process of a score was killed."""
        return isinstance(error, BrokenExecutor)

    def close(self) -> None:
        """End the processes, whatever they are at."""
        self._end.close()
        for pool in (*self._idle, *self._busy.values()):
            pool.shutdown(wait=False, cancel_futures=True)
        self._lifeline.close()

    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, self._context, initializer=_begin, initargs=(self._lifeline,))

    def _is_broken(self, future: Scoring, pool: ProcessPoolExecutor) -> bool:
        broken = isinstance(future.exception(), BrokenExecutor)
        if broken:
            pool.shutdown(wait=False)
        return broken


def _begin(lifeline: Connection) -> None:
    """Prepare a worker process: Ctrl-C is for the coordinator, and where that ends this process does too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    def watch() -> None:
        lifeline.poll(None)  # returns at the end of the pipe, which only the coordinator holds open
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


class Cluster:
    """A Dask cluster, wherever its workers are and whoever started them. See `Executor`.

    Args:
        address: Of its scheduler: tcp://HOST:PORT, or tls://HOST:PORT with certificates as Dask's
            configuration names them.

    Raises:
        UserError: If Dask is not installed, or no scheduler answers.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise UserError(
                f"--cluster {address}: needs distributed: pip install 'neuralmatrix[cluster]'"
            ) from None
        self._address = address
        try:
            self._client: Any = Client(  # type: ignore[no-untyped-call]
                address, timeout=CONNECT_S, set_as_default=False, name="neuralmatrix"
            )
        except (OSError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split()) or "no scheduler answers"
            raise UserError(f"--cluster {address}: {reason}") from None
        self._executor = self._client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        self._looked, self._slots = 0.0, 1

    @property
    def slots(self) -> int:
        """Threads of all workers that there are now; 1 while there are none, so that one score waits."""
        if time.monotonic() >= self._looked + LOOK_S:
            self._looked = time.monotonic()
            try:
                self._slots = max(1, sum(self._client.nthreads().values()))
            except (OSError, TimeoutError, RuntimeError):
                raise self._gone() from None
        return self._slots

    def submit(self, job: Job) -> Scoring:
        """Start a score; Dask gives it to another worker where one is lost, three times."""
        if self._client.status != "running":
            raise self._gone()
        future: Scoring = self._executor.submit(score, job)
        return future

    def lost(self, error: BaseException) -> bool:
        """Return False: Dask itself submits again.

        Raises:
            ClusterLostError: If it was the scheduler that was lost.
        """
        if isinstance(error, CancelledError | OSError) or self._client.status != "running":
            raise self._gone()
        return False

    def close(self) -> None:
        """Cancel what is under way; workers stay for whoever started them."""
        self._client.close(timeout=CONNECT_S)

    def _gone(self) -> ClusterLostError:
        return ClusterLostError(
            f"--cluster {self._address}: its scheduler is gone; finished trials are kept: start it, and run "
            "the same command again"
        )
