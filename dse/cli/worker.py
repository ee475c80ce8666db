"""`neuralmatrix worker`: processes that score for studies, on any machine that reaches a Dask scheduler."""

from __future__ import annotations

import os
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def worker(
    address: Annotated[
        str, typer.Argument(metavar="tcp://HOST:PORT", help="The scheduler's address.", show_default=False)
    ],
    processes: Annotated[
        int, typer.Option("--processes", "-p", min=1, max=1024, help="Worker processes, a score each.")
    ] = 1,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="This machine's address, as the scheduler reaches it; 127.0.0.1 where the scheduler is "
            "here too, else that of the interface that leads there.",
        ),
    ] = None,
) -> None:
    """Score for every study that runs with `--cluster tcp://HOST:PORT`, until it is ended.

    A Dask worker with a thread a process; its port is chosen by the system, and it serves no dashboard. It
    needs this toolkit and the study's task installed, and no database. A scheduler must answer within 10 s.

    **Examples**

    - `neuralmatrix worker tcp://127.0.0.1:8786 --processes 4`
    - `neuralmatrix worker tls://head:8786`, with certificates as Dask's configuration names them
    """
    command = dask_worker(address, processes, host)
    from dse.loop.executors import find_scheduler

    find_scheduler(address)
    os.execv(sys.executable, command)  # noqa: S606 - Dask's own program, with checked arguments


def dask_worker(address: str, processes: int, host: str | None) -> list[str]:
    """Return the command of a Dask worker.

    Raises:
        UserError: If Dask is not installed, or the address is none.
    """
    from importlib.util import find_spec

    from approx.extras import how_to_install
    from dse.errors import UserError

    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        raise UserError(f"{address}: must be tcp://HOST:PORT or tls://HOST:PORT, a Dask scheduler's address")
    if find_spec("distributed") is None:
        raise UserError(f"worker: needs distributed: {how_to_install('cluster')}")
    if host is None and parts.hostname in LOOPBACK:
        host = "127.0.0.1"  # Dask would listen on every interface
    options = ["--nthreads", "1", "--nworkers", str(processes), "--no-dashboard"]
    where = [] if host is None else ["--host", host]
    return [sys.executable, "-m", "distributed.cli.dask_worker", address, *options, *where]
