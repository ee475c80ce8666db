"""The technology file of docs/own_technology.md in a study: all is written, or one line says why not."""

import re
from pathlib import Path

import pytest

import dse

PAGE = Path(dse.__file__).parents[1] / "docs" / "own_technology.md"


@pytest.fixture
def own_study(tiny_study):
    """The tiny study in the process of that page; a further field may be added."""
    found = re.search(r'```toml title="our22\.toml"\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tiny_study.parent / "our22.toml").write_text(found.group(1))
    text = tiny_study.read_text() + 'technology = "our22.toml"\n'
    return lambda more="": tiny_study.write_text(text + more)


def test_a_study_in_it_writes_everything(cli, tiny_study, own_study):
    own_study()
    status, _, err = cli("run", tiny_study.name, "--trials", 3)
    assert status == 0, err
    folder = tiny_study.parent / "runs" / "tiny"
    for name in ("trials.csv", "best.json", "report.html", "pareto.png"):
        assert (folder / name).exists()
    page = (folder / "report.html").read_text()
    assert "nonlinear functions on a host" in page
    assert "tables replaced by dedicated units" not in page  # the file has no 32-bit multiply-add


def test_sums_that_it_has_no_figure_for_are_refused_before_any_trial(cli, tiny_study, own_study):
    own_study('data_width = "int16"\n')
    status, out, err = cli("run", tiny_study.name, "--trials", 3)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "accumulator_bits = 48: must be 32 with int16 in our22.toml, which has no figure" in err


def test_a_study_of_hardware_alone_is_refused_before_anything_is_written(cli, tiny_study, own_study):
    """So that the same command runs once the file is put right."""
    own_study()
    text = """
[search]
objectives = ["energy_j", "area_mm2"]
[hardware]
rows = [4, 8]
technology = "our22.toml"
data_width = "WIDTH"
[task]
name = "tiny_task:make"
"""
    tiny_study.write_text(text.replace("WIDTH", "int16"))
    status, out, err = cli("run", tiny_study.name)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "[hardware]: accumulator_bits = 48: must be 32 with int16 in our22.toml" in err
    assert not (tiny_study.parent / "runs").exists()
    tiny_study.write_text(text.replace("WIDTH", "int8"))
    status, _, err = cli("run", tiny_study.name)
    assert status == 0, err
