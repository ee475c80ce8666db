"""What commands print: results on standard output, all else on standard error."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


INTERRUPTED = 130
"""The exit status that shells report for a program ended by Ctrl-C."""


def say(text: str) -> None:
    """Print a message for people on standard error, as it is: no wrapping that would cut a path in two."""
    print(text, file=sys.stderr)


def output() -> Console:
    """Return the console for results; wide where the output is not a terminal, so that no column is cut."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=160)


def messages() -> Console:
    """Return the console for progress."""
    from rich.console import Console

    return Console(stderr=True)


def live() -> bool:
    """Whether somebody watches standard error: it is a terminal, and no build server's."""
    return sys.stderr.isatty() and not os.environ.get("CI")
