"""Where scores are made: in this process, in processes of this machine, or on a Dask cluster.

A new executor is one file more here: a class with `slots`, how many scores at once; `submit`, which starts
one; `lost`, which tells a worker's end from an error of the score; and `close`. `executor` chooses it.
"""

from __future__ import annotations

from dse.loop.executors.cluster import LOOK_S, Cluster, find_scheduler
from dse.loop.executors.here import Here
from dse.loop.executors.processes import Processes
from dse.loop.executors.protocol import Executor, Scoring
from dse.loop.interruption import Interruption

__all__ = ["LOOK_S", "Executor", "Scoring", "executor", "find_scheduler"]


def executor(workers: int, cluster: str | None, interruption: Interruption) -> Executor:
    """Return what scores are made with: a cluster if one is given, else processes, or this one alone."""
    if cluster is not None:
        return Cluster(cluster)
    return Here(interruption) if workers == 1 else Processes(workers)
