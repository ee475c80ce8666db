"""One coordinator a study: a second one is refused in a line that says who runs it.

A file lock in the run folder, and one beside the file of an SQLite database, ends with the process that holds
it, however that ends. A study on a server is held by a lease too, a record in the study that is renewed and
that a coordinator elsewhere may take over once it is old.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import optuna
from filelock import FileLock, Timeout

from dse import record
from dse.errors import RunningError
from dse.files import write_whole

LOCK = ".coordinator.lock"
RENEWED_S, EXPIRED_S, SETTLED_S = 15.0, 60.0, 0.5
"""Between two renewals of a lease; after which nobody renews it any more; between writing a first one and
finding that no other was written at the same moment."""


@contextmanager
def alone(folder: Path, file: Path | None = None) -> Iterator[None]:
    """Be the only coordinator that writes to a run folder, and to a database's file, wherever it is.

    Raises:
        RunningError: If another process is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        for path, lock in _locks(folder, file).items():
            held.enter_context(_alone(path, lock))
        yield


def refuse_beside_another(folder: Path, file: Path | None = None) -> None:
    """Refuse, before any work, a run beside another one in a folder, or at a database's file.

    Raises:
        RunningError: If there is one.
    """
    for path, lock in _locks(folder, file).items():
        if lock.exists():
            with _alone(path, lock):
                pass


def _locks(folder: Path, file: Path | None) -> dict[Path, Path]:
    """Return the lock of each; that of a file is beside it, whichever name leads there."""
    locks = {folder: folder / LOCK}
    if file is not None and file.parent.is_dir():
        locks[file] = file.resolve().with_name(f".{file.resolve().name}.lock")
    return locks


@contextmanager
def _alone(path: Path, file: Path) -> Iterator[None]:
    holder = file.with_suffix(".json")
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunningError(f"{path}: a run is under way: {_holder(holder)}: wait for it, or end it") from None
    try:
        write_whole(holder, json.dumps(_self()))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def leased(study: optuna.Study) -> Iterator[None]:
    """Hold the lease of a study on a server.

    Raises:
        RunningError: If another process holds it.
    """
    mine = {**_self(), "token": uuid4().hex}
    refuse_leased(study)
    _renew(study, mine)
    time.sleep(SETTLED_S)
    if record.lease(study).get("token") != mine["token"]:
        refuse_leased(study)
    ended = threading.Event()
    thread = threading.Thread(target=_keep, args=(study, mine, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(Exception):  # the server may be gone; the lease then ends by itself
            record.set_lease(study, {})


def _keep(study: optuna.Study, mine: dict[str, Any], ended: threading.Event) -> None:
    while not ended.wait(RENEWED_S):
        with suppress(Exception):  # a server that is gone is noticed by the next trial
            _renew(study, mine)


def _renew(study: optuna.Study, mine: dict[str, Any]) -> None:
    record.set_lease(study, {**mine, "renewed": time.time()})


def refuse_leased(study: optuna.Study) -> None:
    """Refuse a study whose lease somebody has who is alive, as far as can be told.

    Raises:
        RunningError: Says who.
    """
    lease = record.lease(study)
    age = time.time() - lease.get("renewed", 0.0)
    here = lease.get("host") == socket.gethostname()
    if age <= EXPIRED_S and not (here and not _alive(lease["pid"])):
        raise RunningError(
            f"study {study.study_name}: a run is under way: {_said(lease)}: wait for it, or end it"
        )


def _alive(pid: int) -> bool:
    """Whether there is a process of this number here."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _self() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "started": time.time()}


def _holder(file: Path) -> str:
    try:
        return _said(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return "by another process"


def _said(holder: dict[str, Any]) -> str:
    since = time.strftime("%H:%M:%S", time.localtime(holder["started"]))
    return f"by process {holder['pid']} on {holder['host']}, started at {since}"
