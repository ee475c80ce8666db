"""A study against machines that ran its network."""

import pytest

from accel_models.platforms import Platform, save
from dse.errors import UserError
from dse.report import render
from dse.results.platforms import FILE, keep, of_network

ROW = {
    "name": "<b>my</b> laptop", "kind": "cpu", "network": "digits-bert", "size": 0, "batch": 1,
    "precision": "fp32",
    "power_w": 50.0, "power": "tdp", "scope": "as stated", "node_nm": 0, "source": "neuralmatrix measure",
    "throughput": 1000.0,
}  # fmt: skip


def test_rows_of_the_same_network_are_compared_with(own_study, tmp_path):
    assert of_network(own_study.snapshot()) == []
    save([Platform(**ROW), Platform(**{**ROW, "network": "resnet50"})], tmp_path / "rows.toml")
    keep(own_study.folder, tmp_path / "rows.toml", ["digits-bert"])
    (row,) = of_network(own_study.snapshot())
    assert row.per_joule(1.0) == 20.0
    page = render(own_study.snapshot())
    assert "Against reference platforms" in page
    assert "&lt;b&gt;my&lt;/b&gt; laptop" in page
    assert f"{own_study.best().throughput_per_watt / 20:.3g}</td>" in page


def test_a_study_of_a_network_is_compared_with_published_rows(networks):
    assert not of_network(networks.snapshot())  # two networks have no row in common
    page = render(networks.snapshot())
    assert "Against reference platforms" in page
    assert "NVIDIA" in page


def test_rows_of_other_networks_are_refused_by_name(own_study, tmp_path):
    save([Platform(**{**ROW, "network": "resnet50"})], tmp_path / "rows.toml")
    with pytest.raises(UserError, match="rows of resnet50: must have one of digits-bert"):
        keep(own_study.folder, tmp_path / "rows.toml", ["digits-bert"])
    assert not (own_study.folder / FILE).exists()


def test_the_command_takes_them(cli_report, own_study, tmp_path):
    save([Platform(**ROW)], tmp_path / "rows.toml")
    cli_report(own_study.folder, tmp_path / "rows.toml")
    assert "&lt;b&gt;my&lt;/b&gt; laptop" in (own_study.folder / "report.html").read_text()


@pytest.fixture
def cli_report():
    from dse.cli.report import report

    return lambda folder, platforms: report([folder], compare=False, platforms=platforms, out=None)
