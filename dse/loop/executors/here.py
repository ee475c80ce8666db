"""Scores in the coordinator's own process."""

from __future__ import annotations

from concurrent.futures import Future

from dse.evaluate import Job, score
from dse.loop.executors.protocol import Scoring
from dse.loop.interruption import Interruption


class Here:
    """Scores in this process, one at a time. See `Executor`.

    Args:
        interruption: Lets a signal end a score.
    """

    slots, ahead = 1, 0

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
