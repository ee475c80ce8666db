"""Where the study of a run folder is, for those who go on with it; who only reads it uses `reading`."""

from __future__ import annotations

import json
from pathlib import Path

import optuna

from dse import record, storage
from dse.errors import NoStudyError


def of_folder(folder: Path) -> tuple[optuna.Study, storage.Database]:
    """Open the study of a run folder, wherever it is kept, in its database.

    Raises:
        NoStudyError: If there is none.
        UserError: If its database cannot be read.
    """
    file, pointer = folder / storage.FILE, folder / storage.POINTER
    if not file.exists() and not pointer.exists():
        raise NoStudyError(f"{file}: no such file: must be the folder of a study that was run")
    if pointer.exists():
        database = storage.of_folder(folder)
        return named(database, json.loads(pointer.read_text("utf-8"))["study"]), database
    database = storage.open_sqlite(file)
    names = optuna.get_all_study_names(database.optuna)
    if not names:
        raise NoStudyError(f"{file}: holds no study yet")
    return named(database, names[0]), database


def named(database: storage.Database, name: str) -> optuna.Study:
    """Open a study of a database.

    Raises:
        NoStudyError: If there is none of this name.
    """
    names = optuna.get_all_study_names(database.optuna)
    if name not in names:
        there = ", ".join(names) or "none"
        raise NoStudyError(f"study = {name}: not in {database.address}, which has {there}")
    found = optuna.load_study(study_name=name, storage=database.optuna)
    record.read_study(found, database.address)
    return found
