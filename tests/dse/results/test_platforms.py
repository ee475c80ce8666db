"""A study against machines that ran its network."""

import pytest

from accel_models.platforms import Platform, save
from dse.errors import UserError
from dse.report import render
from dse.results.platforms import FILE, compared, keep

ROW = {
    "name": "<b>my</b> laptop", "kind": "cpu", "network": "digits-bert", "size": 0, "batch": 1,
    "precision": "fp32",
    "power_w": 50.0, "power": "tdp", "scope": "as stated", "node_nm": 0, "source": "neuralmatrix measure",
    "throughput": 1000.0,
}  # fmt: skip


def test_the_front_is_compared_with_rows_of_the_same_network(own_study, tmp_path):
    assert compared(own_study) == []
    save([Platform(**ROW), Platform(**{**ROW, "network": "resnet50"})], tmp_path / "rows.toml")
    keep(own_study, tmp_path / "rows.toml")
    (row,) = compared(own_study)
    front = own_study.pareto().throughput_per_watt
    assert row["theirs"] == 20.0
    assert (row["least"], row["most"]) == pytest.approx((front.min() / 20, front.max() / 20))
    page = render(own_study)
    assert "Against reference platforms" in page
    assert "&lt;b&gt;my&lt;/b&gt; laptop" in page


def test_rows_of_other_networks_are_refused_by_name(own_study, tmp_path):
    save([Platform(**{**ROW, "network": "resnet50"})], tmp_path / "rows.toml")
    with pytest.raises(UserError, match="rows of resnet50: must have one of digits-bert"):
        keep(own_study, tmp_path / "rows.toml")
    assert not (own_study.folder / FILE).exists()


def test_the_command_takes_them(cli_report, own_study, tmp_path):
    save([Platform(**ROW)], tmp_path / "rows.toml")
    cli_report(own_study.folder, tmp_path / "rows.toml")
    assert "Against reference platforms" in (own_study.folder / "report.html").read_text()


@pytest.fixture
def cli_report():
    from dse.cli.report import report

    return lambda folder, platforms: report([folder], compare=False, platforms=platforms, out=None)
