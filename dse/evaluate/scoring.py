"""A score as a plain function of picklable values, for whichever process runs it."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dse.directions import DIRECTION
from dse.errors import UserError
from dse.evaluate.cache import Figures
from dse.evaluate.network import Network
from dse.evaluate.timing import time_limit
from dse.space import Tables
from dse.space.widths import Widths
from dse.study_file import StudyFile

MakeNetwork = Callable[[StudyFile], Network]


@dataclass(frozen=True)
class Job:
    """What a worker needs to know to score one candidate.

    Attributes:
        make: A function of a module that makes the network from a study file.
        study: The study file's fields as plain values.
        fingerprint: Of the network that is meant.
        tables: Its tables.
        precision: The widths of its numbers, completed.
        share: Of the test batches.
        time_limit: Seconds that it may take; None is no limit.
    """

    make: MakeNetwork = field(repr=False)
    study: Mapping[str, Any] = field(repr=False)
    fingerprint: str
    tables: Tables
    precision: Widths
    share: float = 1.0
    time_limit: float | None = None


class OtherNetworkError(UserError):
    """A worker has other weights, data or code than the study."""


def score(job: Job) -> Figures:
    """Return the quality metrics of a job's candidate, and where its outputs moved if the network says so.

    Raises:
        OtherNetworkError: If the network that this process makes is not the study's.
        TimeoutError: If it takes longer than it may.
        ValueError: If a metric is not finite, or the network cannot be scored so.
    """
    network = _network_of(job)
    with time_limit(job.time_limit):
        return finite(network.quality(job.tables, job.precision, job.share))


_HELD = threading.local()
"""Networks of this thread by fingerprint: each score sets one up anew, so no two threads share it."""


def hold(network: Network) -> None:
    """Let this thread score with a network that is there already."""
    _networks()[network.fingerprint] = network


def _networks() -> dict[str, Network]:
    if not hasattr(_HELD, "networks"):
        _HELD.networks = {}
    networks: dict[str, Network] = _HELD.networks
    return networks


def _network_of(job: Job) -> Network:
    held = _networks()
    if job.fingerprint not in held:
        made = job.make(StudyFile.model_validate(job.study))
        if made.fingerprint != job.fingerprint:
            raise OtherNetworkError(
                f"the worker on {socket.gethostname()} has other weights, data or code than the study: "
                "install the same version there, and give it the same task"
            )
        held[job.fingerprint] = made
    return held[job.fingerprint]


def finite(figures: Figures) -> Figures:
    """Return the metrics as they are.

    Raises:
        ValueError: If one is infinite or not a number: an infinite one would sit on the Pareto front.
    """
    for name, value in figures.items():
        if name != DIRECTION and not math.isfinite(value):
            raise ValueError(f"{name} = {value}: must be finite")
    return figures
