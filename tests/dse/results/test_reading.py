"""A run folder can be read at any moment, after a kill too, and nothing is written into it."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from dse.errors import NoStudyError, UserError
from dse.report import render
from dse.results import read
from dse.results.growth import growth, hypervolume


def test_what_is_read_is_what_the_study_says(study):
    shot = read(study.folder)
    assert shot.trials.equals(study.trials())
    assert shot.front.equals(study.pareto())
    assert shot.study == study.record
    assert shot.file == study.config


def test_nothing_is_written_into_the_folder(study, tmp_path):
    shutil.copytree(study.folder, tmp_path / "run")

    def there():
        files = (
            path for path in (tmp_path / "run").iterdir() if not path.name.endswith("-shm")
        )  # SQLite's own
        return {path.name: path.stat().st_mtime_ns for path in files}

    before = there()
    render(read(tmp_path / "run"))
    assert there() == before


def test_a_transaction_that_a_killed_run_left_is_not_seen(study, tmp_path):
    shutil.copytree(study.folder, tmp_path / "run")
    file, left = tmp_path / "run" / "study.db", tmp_path / "left"
    left.mkdir()
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("PRAGMA cache_spill=1")
        database.execute("PRAGMA cache_size=1")
        database.execute("BEGIN IMMEDIATE")
        database.execute("UPDATE trial_user_attributes SET value_json = '\"torn\"'")
        for part in file.parent.glob("study.db*"):  # as a kill would leave them
            if part.is_file():
                shutil.copy(part, left)
        database.rollback()
    assert (left / "study.db-journal").exists()
    assert read(left).trials.equals(study.trials())


@pytest.mark.parametrize("content", [b"", b"garbage" * 200])
def test_a_file_that_is_no_study(tmp_path, content):
    (tmp_path / "study.db").write_bytes(content)
    with pytest.raises(UserError) as refused:
        read(tmp_path)
    assert str(tmp_path / "study.db") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_without_a_study(tmp_path):
    with pytest.raises(
        NoStudyError, match=r"study.db: no such file: must be the folder of a study that was run"
    ):
        read(tmp_path)


def test_the_hypervolume_grows_to_that_of_all(study):
    shot = study.snapshot()
    rows = growth(shot)
    shares = [share for _, share in rows]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert rows[-1][0] == len(shot.points())
    assert hypervolume(shot) >= hypervolume(shot, 6) >= 0


def test_a_sweep_has_no_growth(hardware, unfinished):
    assert growth(hardware.snapshot()) == []
    assert growth(unfinished.snapshot()) == []


def test_the_best_in_a_metric_is_beaten_by_none_in_the_others(own_study):
    """Of two designs with the same throughput per watt, the one of higher fidelity is chosen."""
    shot = own_study.snapshot()
    efficient = shot.best("throughput_per_watt")
    done = shot.trials[shot.trials.feasible]
    ties = done[done.throughput_per_watt == efficient.throughput_per_watt]
    assert efficient.fidelity == ties.fidelity.max()
