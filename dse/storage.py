"""Where trials are kept: SQLite in the run folder."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from functools import partial
from pathlib import Path

from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage

from dse.errors import UserError

FILE = "study.db"
HEARTBEAT_S = 15
GRACE_S = 60
"""A trial without a heartbeat for this long has lost its process; the next trial to start marks it failed."""


def open_sqlite(path: Path) -> RDBStorage:
    """Open, or make, the database of a study.

    Write-ahead logging lets readers look on while a trial is written, and with it `synchronous=NORMAL` loses
    nothing when a process is killed.

    Raises:
        UserError: If the file is not such a database, or cannot be opened.
    """
    check(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats
        return RDBStorage(
            f"sqlite:///{path.name}",  # the creator knows the real path, which a URL might misread
            engine_kwargs={"creator": partial(_connect, path)},
            heartbeat_interval=HEARTBEAT_S,
            grace_period=GRACE_S,
        )


def check(path: Path) -> None:
    """Refuse a file that holds no study; a missing or an empty one will become a study.

    Raises:
        UserError: If it is a folder, not a database, damaged, or a database of something else.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder: must be a study's database")
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            state = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise UserError(f"{path}: not a readable study ({error}): move it away, or use --new") from None
    if state != "ok":
        raise UserError(f"{path}: damaged ({state}): move it away, or use --new")
    if tables and "studies" not in tables:
        raise UserError(f"{path}: a database, but not a study's: move it away, or use --new")


def set_aside(path: Path) -> Path | None:
    """Rename a study's database, if there is one, to the next free `study-N.db`, and return that."""
    if not path.exists():
        return None
    number = 1
    while (kept := path.with_stem(f"{path.stem}-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(kept.with_name(kept.name + suffix))
    return kept


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection
