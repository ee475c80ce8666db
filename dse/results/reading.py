"""A study of a run folder, read at any moment: while it runs, after a kill, from a read-only folder.

A copy of the database in memory is read (`dse.storage.copied`): nothing waits for a run, a run does not wait
for a reader, and what is read is of one moment.
"""

from __future__ import annotations

import json
from pathlib import Path

import optuna
from optuna.storages import BaseStorage

from dse import record, storage
from dse.errors import NoStudyError
from dse.results.snapshot import Snapshot


def read(folder: str | Path) -> Snapshot:
    """Read the study of a run folder, wherever it is kept.

    Raises:
        NoStudyError: If there is none, or a run was killed before it had described it.
        UserError: If its database cannot be read, or another version of this program recorded it.
    """
    folder = Path(folder)
    file, pointer = folder / storage.FILE, folder / storage.POINTER
    if pointer.exists():
        name = json.loads(pointer.read_text("utf-8"))["study"]
        return of_study(load(storage.of_folder(folder).optuna, str(pointer), name), folder, str(pointer))
    if not file.exists():
        raise NoStudyError(f"{file}: no such file: must be the folder of a study that was run")
    return of_study(load(storage.copied(file), str(file)), folder, str(file))


def of_study(study: optuna.Study, folder: Path, where: str) -> Snapshot:
    """Return the snapshot of a study that is open.

    Args:
        study: The study.
        folder: Its run folder.
        where: Names its database in an error.
    """
    records = [record.read(trial) for trial in study.get_trials(deepcopy=False)]
    return Snapshot.of(folder, study.study_name, record.read_study(study, where), records)


def load(kept: BaseStorage, where: str, name: str | None = None) -> optuna.Study:
    """Return a study of a storage, the only one unless it is named.

    Raises:
        NoStudyError: If there is none, or none of this name.
    """
    names = optuna.get_all_study_names(kept)
    if not names or (name is not None and name not in names):
        raise NoStudyError(
            f"{where}: holds no study yet" if name is None else f"{where}: holds no study {name}"
        )
    return optuna.load_study(study_name=name or names[0], storage=kept)
