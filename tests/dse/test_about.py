"""What a study was run with."""

import shutil
import subprocess

import pytest

from dse.about import describe

COMMIT = "git commit"


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    return subprocess.run(  # noqa: S603
        ["git", *identity, "-C", str(folder), *arguments],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    if shutil.which("git") is None:
        pytest.skip("no git on this machine")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", "https://me:secret@host/x.git")
    (tmp_path / "study.toml").write_text("")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "a")
    return tmp_path


def test_the_commit_of_the_study_files_folder_is_told_and_nothing_of_its_remote(repository):
    head = git(repository, "rev-parse", "HEAD")
    told = describe(repository)
    assert told[COMMIT] == head
    assert "secret" not in str(told)
    (repository / "study.toml").write_text("# changed")
    assert describe(repository)[COMMIT] == f"{head}, with changes that are not committed"


def test_without_a_commit_nothing_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert COMMIT not in describe(tmp_path)
    assert COMMIT not in describe(tmp_path / "missing")
    assert COMMIT not in describe()


def test_without_git_nothing_is_told(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert COMMIT not in describe(repository)
