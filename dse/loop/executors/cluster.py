"""Scores on a Dask cluster, wherever its workers are and whoever started them."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

from approx.extras import how_to_install
from dse.errors import ClusterLostError, UserError
from dse.evaluate import Job, score
from dse.loop.executors.protocol import Scoring

LOOK_S = 1.0
"""Between two looks at how many workers a cluster has, s."""

CONNECT_S = 10
"""Within which a scheduler must answer, s."""


def find_scheduler(address: str) -> None:
    """Make sure that a Dask scheduler answers at an address, within `CONNECT_S`.

    Dask's own client waits without end for what accepts a connection and says nothing.

    Raises:
        UserError: If none does, the address is none, or Dask is not installed.
    """
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook has a loop of its own in this one
            answers = thread.submit(asyncio.run, asyncio.wait_for(_identity(address), CONNECT_S)).result()
    except ImportError:
        raise UserError(f"{address}: needs distributed: {how_to_install('cluster')}") from None
    except OSError:  # a timeout, too
        raise UserError(f"{address}: no Dask scheduler answers within {CONNECT_S} s") from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{address}: {' '.join(str(error).split())}") from None
    except Exception:  # Dask takes what another server says for a message: MemoryError, or of msgpack's
        raise UserError(f"{address}: what answers there is no Dask scheduler") from None
    if answers != "Scheduler":
        raise UserError(f"{address}: a Dask {answers.lower()} answers there: must be a scheduler's address")


async def _identity(address: str) -> str:
    from distributed.core import rpc
    from distributed.security import Security

    secured = Security().get_connection_args("client")  # type: ignore[no-untyped-call]
    async with rpc(address, timeout=CONNECT_S, connection_args=secured) as there:  # type: ignore[no-untyped-call]
        return str((await there.identity())["type"])


class Cluster:
    """A Dask cluster, wherever its workers are and whoever started them. See `Executor`.

    Args:
        address: Of its scheduler: tcp://HOST:PORT, or tls://HOST:PORT with certificates as Dask's
            configuration names them.

    Raises:
        UserError: If Dask is not installed, or no scheduler answers.
    """

    def __init__(self, address: str) -> None:
        find_scheduler(address)
        from distributed import Client

        self._address = address
        self._client: Any = Client(  # type: ignore[no-untyped-call]
            address, timeout=CONNECT_S, set_as_default=False, name="neuralmatrix"
        )
        self._executor = self._client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        self._looked, self._slots = 0.0, 1

    @property
    def ahead(self) -> int:
        """One, so that a worker goes on without the way to the coordinator and back; none for one worker."""
        return int(self._slots > 1)

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
