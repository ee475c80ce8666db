"""What tables were scored with, kept for every worker and every later run.

The key is everything that a score depends on; see `Network.fingerprint`. A score is written in one
transaction, so a killed process leaves it whole or not at all. While tables are scored their key is locked:
whoever wants the same score waits for it, so that no tables are scored twice. Who has a choice of tables
claims some beforehand, and takes others where another process was first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from typing import Any

from sqlalchemy import Column, Engine, MetaData, String, Table, Text, select
from sqlalchemy.exc import IntegrityError

from dse.storage.locks import Locks

Figures = dict[str, Any]
"""Figures by name, see `dse.metrics`; beside them, where the outputs moved, see `dse.directions`."""

_SCORES = Table(
    "neuralmatrix_scores",
    MetaData(),
    Column("key", String(64), primary_key=True),
    Column("figures", Text, nullable=False),
)


def memo_key(**dependencies: Any) -> str:
    """Return the SHA-256, in hexadecimal, of all that a score depends on, given as plain values by name."""
    return hashlib.sha256(json.dumps(dependencies, sort_keys=True).encode()).hexdigest()


class Memo:
    """Scores by key, in a database that many processes share.

    Attributes:
        engine: Where they are kept.
        locks: What keeps two processes from the same work.
    """

    def __init__(self, engine: Engine, locks: Locks) -> None:
        self.engine, self.locks = engine, locks
        self._claims = ExitStack()
        self._claimed: dict[str, bool] = {}  # and whether the score is there by now
        with locks.hold("scores: schema"):
            _SCORES.metadata.create_all(engine)

    def get(self, key: str) -> Figures | None:
        """Return a score, or None if there is none."""
        with self.engine.connect() as connection:
            found = connection.execute(select(_SCORES.c.figures).where(_SCORES.c.key == key)).scalar()
        return None if found is None else json.loads(found)

    def get_or_make(self, key: str, make: Callable[[], Figures]) -> Figures:
        """Return a score; where there is none make and keep it, or wait for the process that is at it."""
        claimed = key in self._claimed
        with nullcontext() if claimed else self.locks.hold(_lock(key)):
            if (found := self.get(key)) is None:
                found = make()
                self._put(key, found)
            if claimed:
                self._claimed[key] = True
            else:
                self.locks.forget(_lock(key))  # whoever waits for it will find the score
        return found

    def claim(self, key: str) -> bool:
        """Keep other processes from a score until `release`; False where one of them is at it already."""
        held = self._claims.enter_context(self.locks.hold(_lock(key), wait=False))
        if held:
            self._claimed[key] = False
        return held

    def release(self) -> None:
        """Let others have what was claimed."""
        for key, there in self._claimed.items():
            if there:
                self.locks.forget(_lock(key))
        self._claimed.clear()
        self._claims.close()

    def _put(self, key: str, figures: Mapping[str, Any]) -> None:
        try:
            with self.engine.begin() as connection:
                connection.execute(_SCORES.insert().values(key=key, figures=json.dumps(figures)))
        except (
            IntegrityError
        ):  # the connection that held a lock was lost, and another process got there first
            return


def _lock(key: str) -> str:
    return f"score: {key}"
