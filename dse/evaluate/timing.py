"""A limit on how long something may take."""

from __future__ import annotations

import ctypes
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

    In a process's main thread a signal does it, which ends a sleep too; in another thread, as Dask's workers
    use, an exception that is raised there.

    Raises:
        TimeoutError: When the time is up.
    """
    if seconds is None:
        yield
        return
    main = threading.current_thread() is threading.main_thread()
    try:
        with _alarm(seconds) if main else _raised_there(seconds):
            yield
    except _TimeIsUpError:
        raise TimeoutError(f"took longer than time_limit = {seconds:g} s") from None


class _TimeIsUpError(BaseException):
    """Raised in the middle of what takes too long; no handler of `Exception` there shall stop it."""


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def expire(*_: object) -> NoReturn:
        raise _TimeIsUpError

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _raised_there(seconds: float) -> Iterator[None]:
    """Let another thread raise an exception in this one (CPython's `PyThreadState_SetAsyncExc`)."""
    own, lock, ended = ctypes.c_ulong(threading.get_ident()), threading.Lock(), False

    def expire() -> None:
        with lock:
            if not ended:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(own, ctypes.py_object(_TimeIsUpError))

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            ended = True
        timer.cancel()
