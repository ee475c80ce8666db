import sqlite3
from contextlib import closing

import optuna
import pytest

from dse import storage
from dse.errors import UserError


def _study(path):
    return optuna.create_study(storage=storage.open_sqlite(path).optuna, study_name="s", load_if_exists=True)


def test_readers_look_on_while_a_trial_is_written(tmp_path):
    study = _study(tmp_path / "study.db")
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM trials").fetchone()
        study.add_trial(optuna.trial.create_trial(value=1.0))
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (0,)
    assert len(study.trials) == 1


def test_a_path_that_a_url_would_misread(tmp_path):
    folder = tmp_path / "a b?c#d%20"
    folder.mkdir()
    _study(folder / "study.db").add_trial(optuna.trial.create_trial(value=1.0))
    assert len(_study(folder / "study.db").trials) == 1
    assert (folder / "study.db").exists()


def test_a_missing_and_an_empty_file_will_become_a_study(tmp_path):
    storage.check(tmp_path / "study.db")
    (tmp_path / "study.db").touch()
    storage.check(tmp_path / "study.db")


def test_a_damaged_page_is_found(tmp_path):
    path = tmp_path / "study.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE studies (name)")
        connection.executemany("INSERT INTO studies VALUES (?)", [("x" * 500,) for _ in range(200)])
        connection.commit()
    data = bytearray(path.read_bytes())
    data[4096:12288] = b"\xff" * 8192
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"study\.db: (damaged|not a readable study)"):
        storage.check(path)


def test_studies_set_aside_are_numbered_and_none_is_overwritten(tmp_path):
    path = tmp_path / "study.db"
    assert storage.set_aside(path) is None
    for number in (1, 2):
        path.write_text(str(number))
        path.with_name("study.db-wal").write_text("w")
        assert storage.set_aside(path) == tmp_path / f"study-{number}.db"
    assert (tmp_path / "study-1.db").read_text() == "1"
    assert (tmp_path / "study-2.db-wal").exists()
    assert not path.exists()
