"""Hardware alone: the file is checked, designs keep to the area, ratios are what they say they are."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from accel_models import PRESETS, Design, Gemm, Lookup, Workload, evaluate, needs
from accel_models.platforms import Platform, published, save
from dse.errors import UserError
from dse.hardware_study import config, is_hardware_study, load, run
from dse.hardware_study.designs import BEST, COMMON, KNOWN, results
from dse.hardware_study.picture import ratio_figure
from dse.hardware_study.ratios import BAND, conditions, node, ratios
from dse.hardware_study.report import render

STUDY = """
kind = "hardware"
[search]
processes = ["28nm"]
[hardware]
rows = [8, 16, 32]
cols = [8, 16]
dataflow = ["ws", "os"]
input_buffer = [16384, 131072]
[[networks]]
name = "resnet50"
[[networks]]
name = "bert-base"
"""
PAPER = Path(__file__).parents[3] / "studies" / "paper.toml"


def small(name, size, approximation, batch=1):
    """A workload that stands for the network, traced in no time."""
    gemms = [Gemm(size, 256, 128 if name.startswith("res") else 300, "linear")]
    return Workload([*gemms, Lookup(size * 256, 16, "shift", "gelu")], batch)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr("dse.measuring.networks.workload", small)
    path = tmp_path / "small.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def found(file):
    return results(load(file))


def row(**changes):
    fields = {
        "name": "a board", "kind": "soc", "network": "resnet50", "size": 224, "batch": 1, "precision": "int8",
        "power_w": 10.0, "power": "measured", "scope": "module", "node_nm": 28, "source": "a table",
        "throughput": 100.0,
    }  # fmt: skip
    return Platform(**{**fields, **changes})


def test_the_papers_study_is_valid_and_asks_for_the_papers_networks():
    study = load(PAPER)
    assert is_hardware_study(PAPER)
    titles = [network.title for network in study.networks]
    assert {"ResNet-18, 224 x 224", "ResNet-50, 224 x 224", "BERT-base, 128 tokens"} <= set(titles)
    assert {"RoBERTa-base, 128 tokens", "RoBERTa-large, 128 tokens"} <= set(titles)
    assert study.preset == PRESETS["onesa"]


@pytest.mark.parametrize("text", ["", "kind = 'other'", "kind = ", "\x00", "[search]\ntrials = 3"])
def test_other_files_are_none(tmp_path, text):
    (tmp_path / "x.toml").write_text(text)
    assert not is_hardware_study(tmp_path / "x.toml")
    assert not is_hardware_study(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("rows = [8, 16, 32]", "rows = 0"), "[hardware] rows = 0: must be an integer from 1 to 1024"),
        (("rows =", "rwos ="), "[hardware] rwos = [8, 16, 32]: unknown field (did you mean rows?)"),
        (("bert-base", "bert-bsae"), 'name = "bert-bsae": must be one of resnet18, resnet50'),
        (("bert-base", "resnet50"), "none of them twice"),
        (('processes = ["28nm"]', 'preset = "tpu"'), '[search] preset = "tpu": must be one of onesa'),
        (('processes = ["28nm"]', 'processes = "3nm"'), '[search] processes = "3nm": must be one of 45nm'),
        (("[search]", "[tables]\nsegments = 0\n[search]"), "[tables] segments = 0: must be an integer"),
        (('name = "resnet50"', 'name = "resnet50"\nsize = 1'), "size = 1: must be an integer from 8 to 4096"),
        (
            ("cols = [8, 16]", f"cols = {list(range(1, 1000))}\nbanks = {list(range(1, 500))}"),
            "must be at most",
        ),
        (("[hardware]", "[hardware"), "not TOML"),
    ],
)
def test_a_wrong_field_is_one_line_that_names_it(file, change, line):
    file.write_text(STUDY.replace(*change))
    with pytest.raises(UserError) as raised:
        load(file)
    assert str(raised.value).startswith(f"{file}: ")
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_designs_keep_to_the_area_and_the_best_is_the_best_of_all(found, file):
    study = load(file)
    by_role = {(result.network.name, result.role): result for result in found}
    assert len(by_role) == 2 * 4
    for network in study.networks:
        workload = small(network.name, network.side, None)
        known = by_role[network.name, KNOWN]
        assert known.design == replace(PRESETS["onesa"], **needs(workload))
        best, common = by_role[network.name, BEST], by_role[network.name, COMMON]
        area = max(by_role[n.name, KNOWN].report.area_mm2 for n in study.networks)
        assert max(best.report.area_mm2, common.report.area_mm2) <= area * 1.001
        everything = []
        for rows, cols, dataflow, buffer in itertools.product(
            [8, 16, 32], [8, 16], ["ws", "os"], [16384, 131072]
        ):
            changed = {"rows": rows, "cols": cols, "dataflow": dataflow, "input_buffer": buffer}
            report = evaluate(replace(known.design, **changed), workload)
            everything.append(report.throughput_per_watt if report.area_mm2 <= area else 0.0)
        assert best.report.throughput_per_watt == pytest.approx(max(everything))
        assert best.report.throughput_per_watt >= known.report.throughput_per_watt
        assert best.report.throughput_per_watt >= common.report.throughput_per_watt
    assert by_role["resnet50", COMMON].design == by_role["bert-base", COMMON].design
    assert by_role["resnet50", "28nm"].design.technology == "28nm"


def test_baselines_are_those_of_the_same_design(found):
    for result in found:
        array, _, _ = result.baselines
        assert array.throughput_per_watt == pytest.approx(result.report.throughput_per_watt)


def test_a_ratio_is_inferences_a_joule_over_the_platforms(found):
    result = next(r for r in found if (r.network.name, r.role) == ("resnet50", KNOWN))
    rows = [row(), row(network="bert-base", size=128), row(size=96)]
    (ratio,) = ratios([result], rows)
    assert ratio.value == pytest.approx(result.report.throughput_per_watt / 10.0)


@pytest.mark.parametrize(("factor", "place"), [(0.5, "below"), (1.001, "in"), (17, "in"), (18, "above")])
def test_the_papers_range(found, factor, place):
    result = found[0]
    platform = row(throughput=result.report.throughput_per_watt * 10 / (BAND[0] * factor))
    assert ratios([result], [platform])[0].place == place


def test_a_peak_is_a_bound_and_open(found):
    peak = row(network="any", size=0, throughput=None, peak_tops=92)
    ratio = ratios(found[:1], [peak])[0]
    assert ratio.place == "open"
    assert "the ratio is at least this" in ratio.why
    assert conditions(peak) == "a peak"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"node_nm": 7}, "for the platform: .*7 nm against 28 nm"),
        ({"precision": "int8"}, "for the platform: .*int8 against int16"),
        ({"precision": "fp32"}, "for the array: .*fp32 against int16"),
        ({"batch": 64}, "for the platform: .*batch 64 against 1"),
        ({"batch": 0}, "for the platform: .*batch of its choice against 1"),
        ({"power": "tdp"}, "for the array: its TDP rather than measured power"),
        ({"scope": "whole system at the wall"}, "for the array: its whole system"),
    ],
)
def test_why_names_the_conditions(found, changes, text):
    known = next(r for r in found if r.role == KNOWN)
    assert pd.Series([ratios([known], [row(**changes)])[0].why]).str.contains(text)[0]


def test_nodes_of_the_processes():
    assert {name: node(name) for name in ("45nm", "28nm", "fpga28")} == {"45nm": 45, "28nm": 28, "fpga28": 28}


def test_the_picture_has_a_line_a_platform_and_the_range(found):
    drawing = ratio_figure(ratios(found, published()))
    axes = drawing.axes
    assert [panel.get_title(loc="left") for panel in axes] == [
        "ResNet-50, 224 x 224",
        "BERT-base, 128 tokens",
    ]
    assert len(axes[0].get_yticks()) == len([r for r in published() if r.runs("resnet50", 224)])
    band = axes[0].patches[0].get_extents().transformed(axes[0].transData.inverted())
    assert np.allclose(band.intervalx, BAND)
    assert ratio_figure([]).axes == []


def test_the_page_shows_every_ratio_with_its_source_and_escapes_names(found, file):
    platforms = [*published(), row(name="<b>mine</b>", source="<i>measured</i>")]
    page = render(load(file), found, ratios(found, platforms), platforms, STUDY)
    assert "&lt;b&gt;mine&lt;/b&gt;" in page
    assert "<i>measured" not in page
    for platform in published():
        assert platform.name in page
    assert "2.17 to 38.72" in page
    assert "From memory, not read again" in page
    assert "with units" in page


def test_a_run_leaves_its_files_and_takes_more_platforms(file, tmp_path):
    save([row(name="mine")], tmp_path / "mine.toml")
    outcome = run(file, tmp_path / "out", platforms=tmp_path / "mine.toml")
    assert {path.name for path in outcome.folder.iterdir()} == {
        "report.html", "ratios.csv", "designs.csv", "ratios.png",
    }  # fmt: skip
    table = pd.read_csv(outcome.folder / "ratios.csv")
    assert "mine" in set(table.platform)
    mine = table[(table.platform == "mine") & (table.design == KNOWN)].iloc[0]
    assert mine.ratio == pytest.approx(mine.throughput_per_watt / mine.platform_throughput_per_watt)
    designs = pd.read_csv(outcome.folder / "designs.csv")
    assert {"latency_s", "power_w", "units_throughput_per_watt", "host_throughput_per_watt"} <= set(designs)


def test_a_preset_that_cannot_run_is_one_line(file, tmp_path, monkeypatch):
    monkeypatch.setitem(config.PRESETS, "onesa", Design(weight_buffer=64))
    with pytest.raises(
        UserError, match=r"\[search\] preset = onesa: cannot run resnet50: weight_buffer = 64"
    ):
        run(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()
