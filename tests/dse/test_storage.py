import os
import sqlite3
import sys
import time
from contextlib import closing

import optuna
import pytest
import sqlalchemy

from dse import storage
from dse.about import describe
from dse.errors import StorageLostError, UserError
from dse.storage import without_password


def _study(path):
    return optuna.create_study(storage=storage.open_sqlite(path).optuna, study_name="s", load_if_exists=True)


def test_a_study_in_a_folder_that_takes_no_files_is_read(tmp_path):
    study = _study(tmp_path / "study.db")
    study.add_trial(optuna.trial.create_trial(value=1.0))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.access", lambda path, mode: mode != os.W_OK)  # root may write anywhere
        found = optuna.load_study(study_name="s", storage=storage.open_sqlite(tmp_path / "study.db").optuna)
    assert len(found.trials) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before == ["study.db"]


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "study.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE colours (name)")
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"study\.db: a database, but not a study's: move it"):
        storage.open_sqlite(path)
    assert path.read_bytes() == before


def test_a_database_that_is_not_made_whole_is_not_there(tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        storage.open_sqlite(tmp_path / "study.db")
    assert list(tmp_path.iterdir()) == []


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


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "storage: not a URL: must be sqlite:///FILE, postgresql://"),
        (
            "nosuch://me:sesame@host/db",
            "nosuch://me@host/db: must be sqlite:///FILE, postgresql://",
        ),
        ("postgresql://me:sesame@host", "storage = postgresql://me@host: must be sqlite:///FILE"),
        ("sqlite:///no/such/folder/study.db", "no/such/folder/study.db: its folder does not exist"),
    ],
)
def test_a_url_that_no_study_can_be_kept_at(url, message):
    with pytest.raises(UserError) as error:
        storage.open_url(url)
    assert str(error.value).startswith(message)
    assert "sesame" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("postgresql://me:sesame@host/db", "postgresql://me@host/db"),
        (
            "postgresql://me@host/db?password=sesame&sslmode=require",
            "postgresql://me@host/db?sslmode=require",
        ),
        ("--storage=postgresql://me:sesame@host:notaport/db", "URL"),
        ("studies/bert_digits.toml", "studies/bert_digits.toml"),
    ],
)
def test_a_password_is_left_out_wherever_it_is(text, left):
    assert without_password(text) == left


def test_a_server_that_cannot_be_reached():
    with pytest.raises(UserError, match=r"^postgresql://me@127\.0\.0\.1:9/db: ") as error:
        storage.open_url("postgresql://me:sesame@127.0.0.1:9/db")
    assert "sesame" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_password(postgresql):
    postgresql.sql("CREATE ROLE guarded LOGIN PASSWORD 'right';")
    rules = postgresql.folder / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("local all guarded scram-sha-256\n" + before)
    try:
        postgresql.sql("SELECT pg_reload_conf();")
        with pytest.raises(UserError, match="password authentication failed") as error:
            _until_refused(postgresql.url("postgres", "guarded", "sesame"))
        assert "sesame" not in str(error.value)
        assert "\n" not in str(error.value)
    finally:
        rules.write_text(before)
        postgresql.sql("SELECT pg_reload_conf();")


def _until_refused(url):
    """The server reads its rules anew some moments after it was told."""
    for _ in range(50):
        storage.open_url(url)
        time.sleep(0.1)


def test_tables_of_something_else_under_optunas_names(postgresql, tmp_path):
    url = postgresql.new_database()
    name = url.partition("@/")[2].partition("?")[0]
    postgresql.sql(f"\\c {name}\nCREATE TABLE studies (colour text);")
    with pytest.raises(UserError, match=f"/{name}.*: .*does not exist"):
        storage.open_url(url)


def test_a_database_that_goes_away_is_one_line(postgresql):
    database = storage.open_url(postgresql.new_database())
    expected = r"^postgresql://.*: lost \(server closed\); finished trials are kept there: run [^\n]*$"
    lost = sqlalchemy.exc.OperationalError("", {}, Exception("server closed\nmore"))
    with pytest.raises(StorageLostError, match=expected), storage.watched(database):
        raise lost


def test_what_is_recorded_of_a_command_has_no_password(monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["bin/neuralmatrix", "run", "--storage", "postgresql://me:sesame@host/db"]
    )
    assert describe()["command"] == "neuralmatrix run --storage postgresql://me@host/db"
