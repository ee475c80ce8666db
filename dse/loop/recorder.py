"""The one writer: trials go to the kept study in the background, in order, each whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import optuna
from optuna.trial import FrozenTrial

from dse.evaluate import Figures, ScoreCache


class Recorder:
    """Adds finished trials to a study, and scores to a cache, on a thread of its own while others are scored.

    Args:
        study: In its database.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._writing: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True)
        if kind is None:
            self.check()

    def add(self, trials: Sequence[FrozenTrial]) -> None:
        """Add trials, after those that were given before.

        Raises:
            Exception: What went wrong with an earlier one, as the storage said it.
        """
        self.check()
        self._writing.append(self._thread.submit(self._write, tuple(trials)))

    def keep(self, cache: ScoreCache, key: str, figures: Figures) -> None:
        """Write a score to a cache, after what was given before."""
        self._writing.append(self._thread.submit(cache.put, key, figures))

    def check(self) -> None:
        """Raise what went wrong with a trial that was given before."""
        for written in [future for future in self._writing if future.done()]:
            written.result()
            self._writing.remove(written)

    def _write(self, trials: Sequence[FrozenTrial]) -> None:
        for trial in trials:
            self._study.add_trial(trial)
