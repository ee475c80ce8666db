"""What makes scores, for the coordinator."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from dse.evaluate import Figures, Job

Scoring = Future[Figures]


class Executor(Protocol):
    """Makes scores.

    Attributes:
        slots: How many at once.
        ahead: How many more it takes, for whichever worker is free first.
    """

    @property
    def slots(self) -> int: ...  # noqa: D102 - see the class

    @property
    def ahead(self) -> int: ...  # noqa: D102

    def submit(self, job: Job) -> Scoring:
        """Start a score; at most `slots` and `ahead` are under way at a time."""

    def lost(self, error: BaseException) -> bool:
        """Whether a score ended because its worker did, and is to be submitted again."""

    def close(self) -> None:
        """Give up what is under way, and end the workers that this object started."""
