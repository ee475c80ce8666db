"""Scores in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from multiprocessing.connection import Connection

from dse.evaluate import Job, score
from dse.loop.executors.protocol import Scoring


class Processes:
    """Worker processes of this machine, each a pool of its own: a lost one takes nothing else with it.

    Args:
        count: How many.
    """

    ahead = 0

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
