"""A limit on how long something may take."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

AGAIN_S = 1.0
"""Until the next try: what is raised while the interpreter frees an object, it prints and forgets."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Interrupt what takes longer, between two steps of the interpreter; None is no limit.

    Raises:
        TimeoutError: When the time is up.
        ValueError: If there is a limit and this is not the main thread, which alone can be interrupted.
    """
    if seconds is None:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("time_limit: can be kept only in a process's main thread")

    def expire(*_: object) -> NoReturn:
        raise TimeoutError(f"took longer than time_limit = {seconds:g} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
