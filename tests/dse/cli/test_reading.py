"""Commands that read a study work on any that is there, at any moment, and write nothing into it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from accel_models import Design

ROOT = Path(__file__).parents[3]
NOBODY = 65534
NO_TRIAL = "no trial is finished yet"


def commands(folder, out):
    """Every reading command, its results written elsewhere."""
    return {
        "report": ("report", folder, "--out", out / "r.html"),
        "compare": ("report", "--compare", folder, folder, "--out", out / "c.html"),
        "front": ("plot", folder, "--out", out / "front.png"),
        "axes": ("plot", folder, "--x", "area_mm2", "--y", "latency_s", "--out", out / "axes.png"),
        "growth": ("plot", folder, "--kind", "growth", "--out", out / "growth.png"),
        "effects": ("plot", folder, "--kind", "effects", "--out", out / "effects.png"),
        "ratios": ("plot", folder, "--kind", "ratios", "--out", out / "ratios.png"),
        "estimate": ("estimate", folder),
        "scalesim": ("export", folder, "--format", "scalesim", "--out", out / "scalesim"),
        "timeloop": ("export", folder, "--format", "timeloop", "--out", out / "timeloop"),
        "design": ("export", folder, "--format", "design", "--out", out / "design"),
    }


NAMES = tuple(commands(Path(), Path()))
NEED_A_TRIAL = ("compare", "estimate", "scalesim", "timeloop", "design")


def there(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["study", "three", "hardware", "networks"])
def test_every_command_reads_every_kind_of_study(cli, request, kind, name, tmp_path):
    folder = request.getfixturevalue(kind).folder
    before = there(folder)
    status, _, err = cli(*commands(folder, tmp_path)[name])
    assert status == 0, err
    assert there(folder) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_study_without_a_finished_trial(cli, unfinished, name, tmp_path):
    status, out, err = cli(*commands(unfinished.folder, tmp_path)[name])
    if name in NEED_A_TRIAL:
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "no trial is finished" in err
    else:
        assert status == 0, err


def test_an_exported_design_costs_what_the_study_says(cli, networks, tmp_path):
    assert cli(*commands(networks.folder, tmp_path)["design"])[0] == 0
    design = Design.load(tmp_path / "design" / "design.toml")
    assert design.to_dict() == dict(networks.snapshot().knee.design)


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="needs another user to be")
def test_a_folder_that_its_reader_cannot_write_to(study, tmp_path):
    """As another user, since nothing is read-only to this one."""
    public = Path("/tmp") / f"readonly-{os.getpid()}"  # noqa: S108 - another user must reach it
    try:
        shutil.copytree(study.folder, public / "run")
        public.chmod(0o755)
        for path in (public / "run").rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o444)
        (public / "out").mkdir(mode=0o777)
        (public / "out").chmod(0o777)
        every = [list(map(str, c)) for c in commands(public / "run", public / "out").values()]
        own = {"PYTHONPATH": str(ROOT), "HOME": str(public / "out"), "MPLCONFIGDIR": str(public / "out")}
        ended = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", READ_AS_ANOTHER.format(every=every, user=NOBODY)],
            capture_output=True, text=True, cwd=public, timeout=300, env=os.environ | own,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        assert "permission" not in ended.stderr.lower()
    finally:
        shutil.rmtree(public)


READ_AS_ANOTHER = """
import os, shutil, sys
from dse.cli import main
from dse.study import Study

def read():
    for command in {every}:
        sys.argv = ["neuralmatrix", *command]
        try:
            main()
        except SystemExit as ended:
            assert not ended.code, (command, ended.code)
    assert len(Study.open("run").records())

read()  # loads all modules: the other user might not be able to
for entry in os.scandir("out"):
    shutil.rmtree(entry) if entry.is_dir() else os.remove(entry)
os.setgid({user})
os.setuid({user})
read()
"""
