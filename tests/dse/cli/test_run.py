import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]
# As a terminal starts it: a shell's background job, and so its tests, would start with Ctrl-C ignored.
FOREGROUND = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
COMMAND = (sys.executable, "-c", f"{FOREGROUND}; from dse.cli import main; main()", "run")


def test_a_study_from_its_file_to_its_results(cli, tiny_study):
    status, out, err = cli("run", tiny_study.name, "--trials", 6)
    assert status == 0, err
    assert "Pareto front of tiny" in out
    assert "unconverted network" in out
    assert "100.0%" in out
    assert "6 evaluations, 6 designs recorded: 6 complete" in err
    folder = tiny_study.parent / "runs" / "tiny"
    trials = pd.read_csv(folder / "trials.csv")
    assert len(trials) == 6
    assert trials.fidelity.between(0, 1).all()
    best = json.loads((folder / "best.json").read_text())
    assert best["knee"]["design"]["rows"] in (4, 8)
    assert set(best["knee"]["tables"]) == {"exp", "gelu", "log"}
    assert best["original"]["accuracy"] == 1.0
    assert (folder / "pareto.png").read_bytes().startswith(b"\x89PNG")

    status, _, err = cli("run", tiny_study.name, "-n", 2)
    assert (status, "8 evaluations, 8 designs recorded: 8 complete" in err) == (0, True)


def test_json_is_all_that_is_on_standard_output(cli, tiny_study):
    status, out, err = cli("run", tiny_study.name, "--trials", 3, "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["study"] == "tiny"
    assert (told["evaluations"], told["trials"]) == (3, {"complete": 3})
    assert told["original"]["accuracy"] == 1.0
    assert all(Path(path).exists() for path in told["files"])
    assert "3 evaluations, 3 designs recorded: 3 complete" in err


@pytest.mark.parametrize(
    ("terminal", "ci", "shown"), [(True, "", True), (True, "true", False), (False, "", False)]
)
def test_the_bar_is_for_terminals_that_somebody_watches(terminal, ci, shown, monkeypatch):
    from dse.cli.console import live

    monkeypatch.setenv("FORCE_COLOR", "1")  # by which rich takes any stream for a terminal
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    assert live() is shown


def test_a_build_server_sees_no_bar(cli, tiny_study, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("CI", "true")
    status, _, err = cli("run", tiny_study.name, "--trials", 2)
    assert status == 0
    assert "\r" not in err
    assert "\x1b[" not in err
    assert err.startswith("2 evaluations, 2 designs recorded: 2 complete")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[hardware]\nrows = 0", "bad.toml: [hardware] rows = 0: must be an integer from 1 to 1024"),
        (
            "[approximation]\nsegments = 1.5",
            "bad.toml: [approximation] segments = 1.5: must be an integer",
        ),
        (
            "[approximation.gellu]\nbias = 'none'",
            "bad.toml: [approximation.gellu]: must be one of exp,",
        ),
        ("[serach]\ntrials = 3", "bad.toml: [serach]: unknown field (did you mean search?)"),
        ("[search]\ntrials = 'ten'", 'bad.toml: [search] trials = "ten": must be an integer from 1 to'),
        ("[task]\nname = 'digits-brt'", 'bad.toml: [task] name = "digits-brt": must be one of digits-bert,'),
        (
            "[task]\nname = 'tiny_task:make'\n[approximation.silu]\nsegments = 4",
            "bad.toml: [approximation.silu]: must be a function of the network, which has exp, gelu, log",
        ),
    ],
)
def test_bad_input_is_one_line_exit_status_2_and_nothing_written(cli, tiny_study, text, message):
    (tiny_study.parent / "bad.toml").write_text(text)
    status, out, err = cli("run", "bad.toml", "--out", "out")
    assert (status, out) == (2, "")
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert not (tiny_study.parent / "out").exists()


def test_a_study_file_that_is_not_there(cli, tmp_path):
    assert cli("run", tmp_path / "no.toml") == (2, "", f"{tmp_path}/no.toml: no such file\n")


def test_a_folder_given_as_study_file(cli, tmp_path):
    assert cli("run", tmp_path) == (2, "", f"{tmp_path}: is a folder: must be a file\n")


def test_a_folder_that_cannot_be_written(cli, tiny_study):
    folder = "/proc/nowhere/run"  # refused even to root
    status, _, err = cli("run", tiny_study, "--out", folder)
    assert status == 2
    assert err.startswith(f"{folder}: cannot be written to: ")
    assert err.count("\n") == 1


def test_a_file_where_the_run_folder_should_be(cli, tiny_study):
    (tiny_study.parent / "taken").write_text("")
    status, _, err = cli("run", tiny_study, "--out", "taken/run")
    assert (status, err.count("\n")) == (2, 1)
    assert "taken is a file: must be a folder" in err


@pytest.mark.parametrize(
    "content", [b"not a database at all " * 100, b"SQLite format 3\x00" + b"\x01" * 5000]
)
def test_a_corrupt_database_is_refused_and_kept(cli, tiny_study, content):
    folder = tiny_study.parent / "out"
    folder.mkdir()
    (folder / "study.db").write_bytes(content)
    status, _, err = cli("run", tiny_study, "--out", folder)
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith(f"{folder}/study.db: not a readable study (")
    assert (folder / "study.db").read_bytes() == content
    assert [path.name for path in folder.iterdir()] == ["study.db"]

    status, _, err = cli("run", tiny_study, "--out", folder, "--new", "-n", 1)
    assert status == 0, err
    assert (folder / "study-1.db").read_bytes() == content


def test_a_database_of_something_else_is_refused(cli, tiny_study):
    folder = tiny_study.parent / "out"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "study.db")) as database:
        database.execute("CREATE TABLE diary (day)")
    status, _, err = cli("run", tiny_study, "--out", folder)
    assert (status, err) == (
        2,
        f"{folder}/study.db: a database, but not a study's: move it away, or use --new\n",
    )


def test_fields_shows_every_section_without_a_study_file(cli):
    status, out, _ = cli("run", "--fields")
    assert status == 0
    for word in (
        "[task]",
        "[search]",
        "[approximation]",
        "[approximation.FUNCTION]",
        "[hardware]",
        "parameter_buffer",
    ):
        assert word in out


def _finished(database):
    if not database.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def _start_and_wait(study_file, trials):
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, study_file.name, "--out", "out", "--trials", "1000"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(study_file.parent), str(ROOT)])},
        cwd=study_file.parent,
    )
    deadline = time.monotonic() + 300
    while _finished(study_file.parent / "out" / "study.db") < trials:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_an_interrupted_run_keeps_its_trials_and_ends_cleanly(tiny_study):
    process = _start_and_wait(tiny_study, trials=2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("Interrupted: finished trials are kept")
    assert "Traceback" not in err
    assert (tiny_study.parent / "out" / "report.html").exists()


def test_a_killed_run_loses_no_finished_trial_and_continues(cli, tiny_study):
    process = _start_and_wait(tiny_study, trials=2)
    process.kill()
    process.communicate(timeout=60)
    database = tiny_study.parent / "out" / "study.db"
    before = _finished(database)
    assert before >= 2
    status, _, err = cli("run", tiny_study, "--out", "out", "--trials", 2)
    assert status == 0, err
    assert _finished(database) == before + 2


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nosuch://me:sesame@host/db", "nosuch://me@host/db: must be sqlite:///FILE, postgresql://"),
        ("nonsense", "storage: not a URL: must be"),
        ("postgresql://me:sesame@127.0.0.1:9/db", "postgresql://me@127.0.0.1:9/db: "),
    ],
)
def test_storage_that_cannot_be_used_is_one_line_and_exit_status_2(cli, tiny_study, url, message):
    status, out, err = cli("run", "tiny.toml", "--storage", url)
    assert (status, out) == (2, "")
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert "sesame" not in err


def test_the_password_of_a_storage_is_in_nothing_that_a_run_leaves(cli, tiny_study, postgresql):
    url = postgresql.new_database().replace("postgres:@", "postgres:sesame@")
    folder = tiny_study.parent / "out"
    status, out, err = cli("run", tiny_study.name, "-n", 2, "--storage", url, "--out", folder)
    assert status == 0, err
    assert "sesame" not in out + err
    for path in folder.iterdir():
        if path.is_file():
            assert b"sesame" not in path.read_bytes(), path
    assert json.loads((folder / "storage.json").read_text())["study"] == "tiny"
    status, _, err = cli("report", folder)  # the folder knows where its study is
    assert status == 0, err


def test_no_feasible_design_is_one_line_and_exit_status_2(cli, tiny_study):
    tiny_study.write_text(tiny_study.read_text() + "[constraints]\narea_mm2 = 1e-6\n")
    status, out, err = cli("run", tiny_study.name)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "[constraints]: no feasible design: of 972 that can run it, area_mm2 <= 1e-06 excludes 972" in err


def test_verify_without_timeloop_ends_before_anything_is_written(cli, tiny_study, monkeypatch):
    monkeypatch.setenv("PATH", str(tiny_study.parent))
    status, out, err = cli("run", tiny_study.name, "--verify", "timeloop")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("--verify timeloop: timeloop: no module pytimeloop.timeloopfe.v4 or timeloopfe.v4")
    assert not (tiny_study.parent / "runs").exists()


def test_verify_that_fails_leaves_the_results(cli, tiny_study, monkeypatch):
    from accel_models.backends.timeloop import TimeloopError

    def fails(*_, **__):
        raise TimeloopError("timeloop-model: killed by SIGKILL", "the end")

    monkeypatch.setattr("dse.results.verify.check", lambda *_: None)
    monkeypatch.setattr("accel_models.backends.timeloop.evaluation.find", fails)
    status, out, err = cli("run", tiny_study.name, "--trials", 3, "--verify", "timeloop")
    assert status == 0, err
    assert "no result" in out
    assert "timeloop-model: killed by SIGKILL\n  | the end" in err
    assert (tiny_study.parent / "runs" / "tiny" / "best.json").exists()
