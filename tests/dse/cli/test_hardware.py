"""The commands on the folder of a study of hardware alone."""

import json
import shutil

import pytest

STUDY = """
[search]
objectives = ["throughput_per_watt", "area_mm2"]
[hardware]
rows = [8, 16]
[[networks]]
name = "resnet50"
"""


@pytest.fixture
def file(tmp_path, small_networks, monkeypatch):
    (tmp_path / "small.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "small.toml"


@pytest.fixture
def folder(networks, tmp_path):
    """A copy of a run folder of two networks."""
    shutil.copytree(networks.folder, tmp_path / "run")
    return tmp_path / "run"


def test_it_prints_the_front_as_json_and_says_where_the_results_are(cli, file):
    status, out, err = cli("run", file.name, "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["designs"] == 2430
    assert told["front"][0]["figures"]["throughput_per_watt"] > 0
    assert "2,430 designs evaluated; trials are choices of the front: " in err
    assert "Results in runs/small: report.html, pareto.png, trials.csv, " in err
    assert err.rstrip().endswith("designs")


def test_the_front_is_a_table_beside_the_known_design(networks):
    from dse.cli.display import front_table

    table = front_table(networks.snapshot(), 160)
    named = list(table.columns[1].cells)
    assert named[:2] == ["onesa", "onesa in 28nm"]
    assert any(name.endswith(", knee") for name in named)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--out", "/proc/nowhere"), "/proc/nowhere: cannot be written to: "),
        (("--platforms", "no.toml"), "no.toml: no such file"),
        (("--platforms", "small.toml"), "small.toml: "),
        (("--trials", "3"), "--trials 3: must be left out: all 2,430 designs are evaluated"),
        (("--verify", "timelop"), "--verify timelop: must be timeloop"),
    ],
)
def test_what_it_cannot_use_is_refused_before_any_work(cli, file, arguments, line):
    status, out, err = cli("run", file.name, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(line)
    assert not (file.parent / "runs").exists()


def test_a_file_of_the_former_kind_says_what_to_do(cli, file):
    file.write_text(f'kind = "hardware"\n{STUDY}')
    status, _, err = cli("run", file.name)
    assert status == 2
    assert err.startswith('small.toml: kind = "hardware": must be left out: there is one kind of study')


@pytest.mark.parametrize("kind", ["design", "timeloop", "scalesim", "tables", "c", "verilog"])
def test_every_export_that_needs_no_data(cli, folder, kind):
    status, _, err = cli(
        "export", folder, "--format", kind, "--design", "best-efficiency", "--out", folder / "there"
    )
    assert status == 0, err
    assert f"Written: {folder}/there" in err


def test_a_model_needs_a_task(cli, folder):
    status, _, err = cli("export", folder, "--format", "model")
    assert (status, err) == (2, "study small: has no task, and so no network to convert: must have one\n")


def test_an_exported_design_costs_the_same_again(cli, folder, networks, tmp_path):
    status, _, err = cli("export", folder, "--format", "design", "--out", tmp_path / "there")
    assert status == 0, err
    work = tmp_path / "there" / "workload-bert-base.json"
    status, out, err = cli("estimate", work, "--design", tmp_path / "there" / "design.toml", "--json")
    assert status == 0, err
    knee = networks.snapshot().knee
    assert json.loads(out)["energy_j"] == pytest.approx(knee.by_network["bert-base"]["energy_j"], rel=1e-12)


def test_estimate_takes_one_of_its_networks(cli, folder, networks):
    status, out, err = cli("estimate", folder, "--network", "resnet50", "--json")
    assert status == 0, err
    knee = networks.snapshot().knee
    assert json.loads(out)["latency_s"] == pytest.approx(knee.by_network["resnet50"]["latency_s"], rel=1e-12)
    status, _, err = cli("estimate", folder, "--network", "resnet5")
    assert (status, err) == (2, "--network resnet5: must be one of resnet50, bert-base\n")
    status, _, err = cli("estimate", folder)
    assert status == 0
    assert err.startswith("resnet50, bert-base, one after the other; --network NAME")


@pytest.mark.parametrize("kind", ["front", "growth", "effects", "ratios"])
def test_every_plot(cli, folder, kind):
    status, _, err = cli("plot", folder, "--kind", kind, "--out", folder / "x.png")
    assert status == 0, err
    assert (folder / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("--kind", "frnt"),
            "--kind frnt: must be one of front, growth, effects, ratios (did you mean front?)\n",
        ),
        (("--x", "area"), "--x area: must be one of throughput_per_watt, throughput, latency_s, energy_j, "),
        (("--kind", "growth", "--y", "area_mm2"), "--y area_mm2: must be left out with --kind growth\n"),
    ],
)
def test_a_plot_that_there_is_not(cli, folder, arguments, line):
    status, _, err = cli("plot", folder, *arguments)
    assert status == 2
    assert err.startswith(line)


def test_report_and_comparison(cli, folder, study):
    assert cli("report", folder)[0] == 0
    status, _, err = cli("report", "--compare", folder, study.folder, "--out", folder / "c.html")
    assert status == 2
    assert "must share one with" in err
