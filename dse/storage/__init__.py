"""Where trials are kept: SQLite in the run folder, or a PostgreSQL server that many machines reach."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import optuna
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from approx.folders import cache_folder
from dse.errors import StorageLostError, UserError
from dse.storage.locks import AdvisoryLocks, FileLocks, Locks
from dse.storage.memo import Memo
from dse.storage.redaction import shown
from dse.storage.whole import TrialWriter

FILE = "study.db"
POINTER = "storage.json"
"""In the run folder of a study that a server keeps: where that is, without a password."""

MEMO = "scores.db"
ALLOWED = "must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
KEEPALIVE = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
"""The server then notices within a minute that a machine is gone, and drops its locks."""


@dataclass(frozen=True)
class Database:
    """A database of studies, with the locks and the memo that its workers share.

    Attributes:
        url: Where it is, with a password if one was given: for workers, never for people.
        optuna: The storage, for Optuna.
        locks: Of all processes that use it.
    """

    url: URL
    optuna: RDBStorage
    locks: Locks

    @cached_property
    def memo(self) -> Memo:
        """Scores: beside the trials on a server, in the user's cache folder for SQLite."""
        if self.file is None:
            return Memo(self.optuna.engine, self.locks)
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / MEMO
        engine = sqlalchemy.create_engine("sqlite://", creator=partial(_connect, path), poolclass=QueuePool)
        with _refusing(f"{path}: not a readable memo of scores: delete it"):
            return Memo(engine, FileLocks(folder / "locks"))

    @cached_property
    def writer(self) -> TrialWriter:
        """Writes finished trials."""
        return TrialWriter(self.optuna.engine)

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database."""
        return Path(str(self.url.database)) if self.url.drivername == "sqlite" else None

    @property
    def address(self) -> str:
        """Where it is, for people: without a password."""
        return shown(self.url)


def open_sqlite(path: Path) -> Database:
    """Open, or make, the database in a file.

    Write-ahead logging lets readers look on while a trial is written, and with it `synchronous=NORMAL` loses
    nothing when a process is killed.

    Raises:
        UserError: If the file is not such a database, or cannot be opened.
    """
    check(path)
    locks = FileLocks(path.parent / f".{path.name}-locks")
    # The creator knows the real path, which a URL might misread.
    storage = _make(f"sqlite:///{path.name}", locks, {"creator": partial(_connect, path)}, str(path))
    return Database(URL.create("sqlite", database=str(path.absolute())), storage, locks)


def open_url(text: str) -> Database:
    """Open the database at a URL; its tables are made where they are missing.

    Raises:
        UserError: If the URL is no such thing, or the database cannot be reached, refuses the user, or holds
            other tables under the names that Optuna uses.
    """
    url = parse(text)
    if url.drivername == "sqlite":
        path = Path(str(url.database))
        if not path.parent.is_dir():
            raise UserError(f"{path}: its folder does not exist")
        return open_sqlite(path)
    try:
        import psycopg  # noqa: F401 - tells whether the driver is there
    except ImportError:
        raise UserError(f"{shown(url)}: needs psycopg: pip install 'neuralmatrix[postgresql]'") from None
    options = {"connect_args": {"connect_timeout": 10, "options": KEEPALIVE}}
    engine = sqlalchemy.create_engine(url.set(drivername="postgresql+psycopg"), **options)
    with _refusing(shown(url)), engine.connect():
        pass
    locks = AdvisoryLocks(engine)
    rendered = url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    return Database(url, _make(rendered, locks, options, shown(url)), locks)


def parse(text: str) -> URL:
    """Read a storage URL.

    Raises:
        UserError: If it is not one that studies can be kept at.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UserError(f"storage: not a URL: {ALLOWED}") from None  # not shown: it may hold a password
    kind = url.drivername.partition("+")[0]
    if kind not in ("sqlite", "postgresql") or not url.database:
        raise UserError(f"storage = {shown(url)}: {ALLOWED}")
    return url.set(drivername=kind)


def _make(url: str, locks: Locks, options: Mapping[str, object], address: str) -> RDBStorage:
    with _refusing(address), locks.hold("schema"):
        made = RDBStorage(url, engine_kwargs=dict(options))
        made.get_all_studies()  # tables of something else under the same names are found out here
        return made


@contextmanager
def _refusing(address: str) -> Iterator[None]:
    """Put what a database says into one line that names it and no password."""
    try:
        yield
    except NoSuchModuleError:
        raise UserError(f"{address}: {ALLOWED}") from None
    except (DBAPIError, StorageInternalError) as error:
        raise UserError(f"{address}: {_first_line(error)}") from None
    except RuntimeError as error:  # Optuna: tables of another version
        raise UserError(
            f"{address}: its tables are of another version of Optuna: {_line(str(error))}"
        ) from None


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


def _first_line(error: Exception) -> str:
    cause = error
    while isinstance(cause, StorageInternalError) and isinstance(cause.__cause__, Exception):
        cause = cause.__cause__
    return _line(str(getattr(cause, "orig", None) or cause))


def _line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"


def of_folder(folder: Path, url: str | None = None) -> Database:
    """Open the database of a run folder: at a URL, where its pointer points, or its own file."""
    if url is None and (folder / POINTER).exists():
        url = str(json.loads((folder / POINTER).read_text(encoding="utf-8"))["storage"])
    return open_sqlite(folder / FILE) if url is None else open_url(url)


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


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection
