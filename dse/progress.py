"""What a run tells whoever watches it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dse.results import Results


class Progress(Protocol):
    """Watches a run."""

    def stage(self, text: str) -> None:
        """Hear what is done next, before the trials."""

    def warn(self, text: str) -> None:
        """Hear, in a line, what the run has to do without."""

    def begin(self, study: Results, trials: int) -> None:
        """See the study before its trials, and how many will be added."""

    def trial(self, study: Results) -> None:
        """See the study after each trial."""

    def designs(self, done: int, of: int) -> None:
        """Hear how many designs of a study of hardware alone are evaluated."""


class Silent:
    """Watches and says nothing. See `Progress`."""

    def stage(self, text: str) -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Warn as Python code does."""
        warnings.warn(text, stacklevel=2)

    def begin(self, study: Results, trials: int) -> None:
        """Say nothing."""

    def trial(self, study: Results) -> None:
        """Say nothing."""

    def designs(self, done: int, of: int) -> None:
        """Say nothing."""
