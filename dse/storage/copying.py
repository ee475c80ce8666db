"""A copy in memory of a database in a file, for those who only read: by SQLite's own backup."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from optuna.storages import RDBStorage
from sqlalchemy.pool import StaticPool

from dse.errors import UserError


def copied(file: Path) -> RDBStorage:
    """Return a copy in memory of the database in a file, for Optuna to read.

    Raises:
        UserError: If the file is no such database, or cannot be read.
    """
    if file.is_dir():
        raise UserError(f"{file}: is a folder: must be a study's database")
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    try:
        _fill(memory, file)
        return RDBStorage("sqlite://", engine_kwargs={"creator": lambda: memory, "poolclass": StaticPool})
    except sqlite3.Error as error:
        raise UserError(f"{file}: not a readable study ({error}): move it away, or use --new") from None
    except RuntimeError as error:  # Optuna: tables of another version
        raise UserError(f"{file}: {str(error).splitlines()[0]}") from None


def _fill(memory: sqlite3.Connection, file: Path) -> None:
    """Copy a database; by way of a temporary folder where a killed run left a transaction behind."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as source:
            source.backup(memory)
    except sqlite3.OperationalError:
        with tempfile.TemporaryDirectory() as temporary:
            for suffix in ("", "-journal", "-wal"):
                part = file.with_name(file.name + suffix)
                if part.exists():
                    shutil.copy(part, temporary)
            with closing(sqlite3.connect(Path(temporary) / file.name)) as source:
                source.backup(memory)
