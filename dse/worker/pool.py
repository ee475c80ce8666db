"""Worker processes of one machine, and the coordinator that starts them and watches the run."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from dse import storage
from dse.errors import StorageLostError, UserError
from dse.results import Results
from dse.storage.runs import Run
from dse.worker import join
from dse.worker.interruption import Interruption

if TYPE_CHECKING:
    from dse.score import Network
    from dse.study_file import StudyFile

LOOK_S = 0.25
"""Between two looks at what the workers finished."""

MOST_LOSSES = 5
"""Workers that may end one after another, without a trial finished in between, before the run is given up."""


def work(
    study: Results,
    run: Run,
    workers: int,
    make_network: Callable[[StudyFile], Network],
    on_trial: Callable[[], None],
) -> None:
    """Let so many processes do a run; one that is killed is replaced, and its trial is done by another.

    Args:
        study: The study.
        run: Its run.
        workers: How many processes.
        make_network: Makes the network in each of them; a function of a module.
        on_trial: Called for each finished trial.

    Raises:
        UserError: If workers keep ending before they finish a trial.
        KeyboardInterrupt: When a signal came, after the processes have ended.
    """
    pool = _Pool(study.database.url.render_as_string(hide_password=False), study.name, make_network)
    try:
        with Interruption().held() as interruption:
            pool.watch(run, workers, on_trial, interruption)
    finally:
        pool.end()


class _Pool:
    """The worker processes of a run.

    Args:
        url: Where the study is kept, with the password if there is one.
        name: The study's.
        make_network: Makes the network in each process.
    """

    def __init__(self, url: str, name: str, make_network: Callable[[StudyFile], Network]) -> None:
        self._arguments = (url, name, make_network)
        self._processes: list[BaseProcess] = []
        self._started = 0

    def watch(self, run: Run, workers: int, on_trial: Callable[[], None], interruption: Interruption) -> None:
        """Keep so many processes at work until the run is done."""
        losses, seen = 0, 0
        while not run.finished:
            self._fill(workers)
            with interruption.at_once():
                wait([process.sentinel for process in self._processes], timeout=LOOK_S)
            done = len(run.done())
            for _ in range(seen, done):
                on_trial()
            ended = self._drop_ended()
            losses = (0 if done > seen else losses) + sum(process.exitcode != 0 for process in ended)
            seen = done
            if losses > MOST_LOSSES:
                raise UserError(f"workers end before they finish a trial: {_ending(ended[-1])}")
        for _ in range(seen, run.trials):
            on_trial()

    def end(self) -> None:
        """Let processes record what they are at, and end."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(timeout=10)
            process.kill()

    def _fill(self, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        while len(self._processes) < workers:
            arguments, name = (*self._arguments, self._started), f"worker {self._started}"
            process = context.Process(target=serve, args=arguments, name=name, daemon=True)
            process.start()
            self._processes.append(process)
            self._started += 1

    def _drop_ended(self) -> list[BaseProcess]:
        alive = {process: process.is_alive() for process in self._processes}
        self._processes = [process for process in self._processes if alive[process]]
        return [process for process in alive if not alive[process]]


def _ending(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def serve(url: str, name: str, make_network: Callable[[StudyFile], Network], number: int) -> None:
    """Be a worker: join the latest run of a study until it is done."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = _join(url, name, make_network, number)
    except KeyboardInterrupt:  # the coordinator ends its workers, wherever they are
        status = 0
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending: no signal shall break into that
    sys.exit(status)


def _join(url: str, name: str, make_network: Callable[[StudyFile], Network], number: int) -> int:
    """Work, and return the exit status; what a user can put right is said in a line."""
    try:
        database = storage.open_url(url)
        with storage.watched(database):
            study = Results.load(database, name)
            join(study, make_network(study.config), number)
    except StorageLostError:  # the coordinator says so, once
        return 2
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
