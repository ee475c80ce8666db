"""`neuralmatrix run` with a study of hardware alone."""

import json
from pathlib import Path

import pytest

from accel_models import Gemm, Lookup, Workload

STUDY = """
kind = "hardware"
[hardware]
rows = [8, 16]
[[networks]]
name = "resnet50"
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    workload = Workload([Gemm(64, 64, 64), Lookup(64, 16, "shift")])
    monkeypatch.setattr("dse.measuring.networks.workload", lambda *_: workload)
    (tmp_path / "small.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "small.toml"


def test_it_prints_the_networks_and_says_where_the_results_are(cli, file):
    status, out, err = cli("run", file.name)
    assert status == 0, err
    assert "ResNet-50, 224 x 224" in out
    assert "the known array" in out
    assert err == "Results in runs/small: report.html, ratios.csv, designs.csv, ratios.png\n"


def test_json_has_its_tables(cli, file):
    status, out, err = cli("run", file.name, "--json")
    assert status == 0, err
    told = json.loads(out)
    assert {row["network"] for row in told["designs"]} == {"resnet50"}
    assert told["ratios"]
    assert all(Path(path).exists() for path in told["files"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--out", "/proc/nowhere"), "/proc/nowhere: cannot be written to: "),
        (("--platforms", "no.toml"), "no.toml: no such file"),
        (("--platforms", "small.toml"), "small.toml: platform = "),
    ],
)
def test_bad_input_is_one_line(cli, file, arguments, line):
    status, out, err = cli("run", file.name, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(line)
    assert not (file.parent / "runs").exists()


def test_a_wrong_field(cli, file):
    file.write_text(STUDY.replace("[8, 16]", "[8, 2000]"))
    status, _, err = cli("run", file.name)
    assert (status, err) == (2, "small.toml: [hardware] rows = 2000: must be an integer from 1 to 1024\n")
