"""Locks between processes that end with whoever holds them.

A killed process leaves no lock behind: the kernel drops a file's, PostgreSQL drops a connection's. So nothing
has to be timed out, and what a dead worker was at is free for the next one at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError


class Locks(Protocol):
    """Named locks that at most one process holds."""

    def hold(self, name: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """Hold a lock for a while.

        Args:
            name: Any text.
            wait: Wait for whoever holds it; otherwise the context is False where another does.
        """

    def forget(self, name: str) -> None:
        """Leave no trace of a lock whose purpose is served."""


class FileLocks:
    """Locks as files in a folder, for the processes of one machine. See `Locks`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold a lock for a while; its file stays, empty, until `forget`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._path(name), poll_interval=0.02)
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def forget(self, name: str) -> None:
        """Remove a lock's file; only once what it guards can be seen to be done by whoever gets it later."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock"


class AdvisoryLocks:
    """PostgreSQL's advisory locks, for all processes that reach one server. See `Locks`.

    They belong to one connection that this object keeps.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    @contextmanager
    def hold(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold a lock for a while."""
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        held = self._call("pg_advisory_lock" if wait else "pg_try_advisory_lock", key)
        try:
            yield wait or bool(held)
        finally:
            if wait or held:
                with suppress(SQLAlchemyError):  # a connection that was lost holds no lock
                    self._call("pg_advisory_unlock", key)

    def forget(self, name: str) -> None:
        """Do nothing: a lock that nobody holds takes no room."""

    def _call(self, function: str, key: int) -> object:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._connection.execute(text(f"SELECT {function}(:key)"), {"key": key}).scalar()
