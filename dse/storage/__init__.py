"""Where trials are kept: SQLite in the run folder, or any storage URL that Optuna takes."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from approx.extras import how_to_install
from dse.errors import StorageLostError, UserError
from dse.storage.copying import copied
from dse.storage.urls import ALLOWED, parse, shown, without_password

__all__ = [
    "FILE",
    "POINTER",
    "Database",
    "check",
    "copied",
    "file_of",
    "of_folder",
    "open_sqlite",
    "open_url",
    "parse",
    "rename_study",
    "set_aside",
    "watched",
    "without_password",
]

FILE = "study.db"
POINTER = "storage.json"
"""In the run folder of a study that is kept elsewhere: where that is, without a password."""

WAIT_S = 60
"""How long SQLite waits for whoever reads or writes the file at the moment."""


@dataclass(frozen=True)
class Database:
    """A database of studies.

    Attributes:
        url: Where it is, with a password if one was given: never for people.
        optuna: The storage, for Optuna.
    """

    url: URL
    optuna: RDBStorage

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database."""
        return Path(str(self.url.database)) if self.url.drivername == "sqlite" else None

    @property
    def address(self) -> str:
        """Where it is, for people: without a password."""
        return shown(self.url)


def open_sqlite(path: Path) -> Database:
    """Open, or make, the database in a file; a copy of one that cannot be written to, to be read.

    Raises:
        UserError: If the file is not such a database, or cannot be opened.
    """
    check(path)
    if not _filled(path):
        _create(path)
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    opened = _make_sqlite(path, str(path)) if writable else copied(path)
    return Database(URL.create("sqlite", database=str(path.absolute())), opened)


def open_url(text: str) -> Database:
    """Open the database at a URL; its tables are made where they are missing.

    Raises:
        UserError: If the URL is no such thing, its driver is missing, or the database cannot be reached,
            refuses the user, or holds other tables under the names that Optuna uses.
    """
    url = parse(text)
    if url.drivername == "sqlite":
        path = Path(str(url.database))
        if not path.parent.is_dir():
            raise UserError(f"{path}: its folder does not exist")
        return open_sqlite(path)
    driven = url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url
    return Database(url, _make(driven.render_as_string(hide_password=False), shown(url)))


def of_folder(folder: Path, url: str | None = None) -> Database:
    """Open the database of a run folder: at a URL, where its pointer points, or its own file."""
    where = url or _pointed_to(folder)
    return open_sqlite(folder / FILE) if where is None else open_url(where)


def file_of(folder: Path, url: str | None = None) -> Path | None:
    """Return the file of the database of a run folder; None of one on a server."""
    where = url or _pointed_to(folder)
    if where is None:
        return folder / FILE
    parsed = parse(where)
    return Path(str(parsed.database)) if parsed.drivername == "sqlite" else None


def _pointed_to(folder: Path) -> str | None:
    """Return the URL that a run folder's pointer holds, if there is one."""
    pointer = folder / POINTER
    return str(json.loads(pointer.read_text(encoding="utf-8"))["storage"]) if pointer.exists() else None


@contextmanager
def watched(database: Database) -> Iterator[None]:
    """Say in one line that the database was lost, if it is while the context lasts.

    Raises:
        StorageLostError: A connection broke, or the database refuses to write.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        raise StorageLostError(
            f"{database.address}: lost ({_first_line(error)}); finished trials are kept there: "
            "run the same command again"
        ) from None


def check(path: Path) -> None:
    """Refuse a file that holds no study; a missing or an empty one will become a study.

    Raises:
        UserError: If it is a folder, not a database, damaged, or a database of something else.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder: must be a study's database")
    if not _filled(path):
        return
    try:
        with closing(sqlite3.connect(path, timeout=WAIT_S)) as database:
            state = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise UserError(f"{path}: not a readable study ({error}): move it away, or use --new") from None
    if state != "ok":
        raise UserError(f"{path}: damaged ({state}): move it away, or use --new")
    try:
        _make_sqlite(path, f"{path.absolute().as_uri()}?mode=ro").engine.dispose()
    except UserError:  # its tables are missing, and could not be made
        raise UserError(f"{path}: a database, but not a study's: move it away, or use --new") from None


def set_aside(path: Path) -> Path | None:
    """Rename a study's database, if there is one, to the next free `study-N.db`, and return that."""
    if not path.exists():
        return None
    number = 1
    while (kept := path.with_stem(f"{path.stem}-{number}")).exists():
        number += 1
    for suffix in ("-journal", "-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(kept.with_name(kept.name + suffix))
    return kept


def rename_study(database: Database, name: str) -> str | None:
    """Give a study, if there is one, the next free name `NAME-N`, and return that; its trials are copied."""
    names = optuna.get_all_study_names(database.optuna)
    if name not in names:
        return None
    number = 1
    while (kept := f"{name}-{number}") in names:
        number += 1
    optuna.copy_study(
        from_study_name=name, from_storage=database.optuna, to_storage=database.optuna, to_study_name=kept
    )
    optuna.delete_study(study_name=name, storage=database.optuna)
    return kept


def _make(url: str, address: str, creator: Callable[[], sqlite3.Connection] | None = None) -> RDBStorage:
    """Open a storage; what it says of a failure becomes one line that names it and no password."""
    options = {} if creator is None else {"creator": creator}
    try:
        made = RDBStorage(url, engine_kwargs=options)
        made.get_all_studies()  # tables of something else under the same names are found out here
    except NoSuchModuleError:
        raise UserError(f"{address}: {ALLOWED}") from None
    except ImportError as error:
        extra = f": {how_to_install('postgresql')}" if "psycopg" in str(error) else ""
        raise UserError(f"{address}: needs {error.name or _line(str(error))}{extra}") from None
    except (SQLAlchemyError, StorageInternalError) as error:
        raise UserError(f"{address}: {_first_line(error)}") from None
    except RuntimeError as error:  # Optuna: tables of another version
        raise UserError(
            f"{address}: its tables are of another version of Optuna: {_line(str(error))}"
        ) from None
    return made


def _make_sqlite(path: Path, where: str) -> RDBStorage:
    """Open a file, by its path or as SQLite's own URI: the URL of SQLAlchemy might misread either."""
    connect = partial(sqlite3.connect, where, timeout=WAIT_S, check_same_thread=False, uri="?mode=" in where)
    return _make(f"sqlite:///{path.name}", str(path), connect)


def _filled(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _create(path: Path) -> None:
    """Make a database with all its tables or, whatever happens, none."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _make_sqlite(path, str(temporary)).engine.dispose()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _first_line(error: BaseException) -> str:
    cause = error
    while isinstance(cause, StorageInternalError) and cause.__cause__ is not None:
        cause = cause.__cause__
    return _line(str(getattr(cause, "orig", None) or cause))


def _line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"
