"""Ratios to platforms are what they say they are, for the designs that a study shows."""

import re
from dataclasses import replace

import numpy as np
import pytest

from accel_models import PRESETS, Design, evaluate, needs
from accel_models.platforms import Platform, published
from dse.plots.ratios import of_ratios
from dse.results.ratios import BAND, BEST, COMMON, KNEE, KNOWN, conditions, node, ratios, results, table


def row(**changes):
    fields = {
        "name": "a board", "kind": "soc", "network": "resnet50", "size": 224, "batch": 1, "precision": "int8",
        "power_w": 10.0, "power": "measured", "scope": "module", "node_nm": 28, "source": "a table",
        "throughput": 100.0,
    }  # fmt: skip
    return Platform(**{**fields, **changes})


@pytest.fixture(scope="module")
def found(networks):
    return results(networks.snapshot())


def test_each_network_is_shown_on_the_known_design_its_best_and_the_best_for_all(found, networks):
    shot = networks.snapshot()
    roles = [(result.network, result.role) for result in found]
    assert roles == [
        (name, role) for name in ("resnet50", "bert-base") for role in (KNOWN, BEST, COMMON, "28nm")
    ]
    by_role = {(result.network, result.role): result for result in found}
    for name, of in shot.study.networks.items():
        known = by_role[name, KNOWN]
        assert known.design == replace(PRESETS["onesa"], **needs(known.report.workload))
        latencies = [own.by_network[name]["latency_s"] for own in shot.records if own.feasible]
        assert by_role[name, BEST].report.latency_s == pytest.approx(min(latencies))
        assert by_role[name, COMMON].report.latency_s >= by_role[name, BEST].report.latency_s * (1 - 1e-12)
        assert by_role[name, "28nm"].design.technology == "28nm"
        assert of["title"] == known.title
    assert by_role["resnet50", COMMON].design == by_role["bert-base", COMMON].design


def test_a_study_of_tables_is_shown_on_its_knee(study):
    (result,) = results(study.snapshot())
    assert result.role == KNEE
    knee = study.snapshot().knee
    assert result.report.energy_j == pytest.approx(
        evaluate(Design.from_dict(dict(knee.design)), knee.load_workload()).energy_j
    )


def test_an_unfinished_study_has_none(unfinished):
    assert results(unfinished.snapshot()) == []


def test_baselines_are_those_of_the_same_design(found):
    for result in found:
        assert result.baselines[0].throughput_per_watt == pytest.approx(result.report.throughput_per_watt)


def test_a_ratio_is_inferences_a_joule_over_the_platforms(found):
    rows = [row(), row(network="bert-base", size=128), row(size=96)]
    (ratio,) = ratios(found[:1], rows)
    assert ratio.value == pytest.approx(found[0].report.throughput_per_watt / 10.0)
    written = table([ratio]).iloc[0]
    assert written.ratio == pytest.approx(written.throughput_per_watt / written.platform_throughput_per_watt)


@pytest.mark.parametrize(("factor", "place"), [(0.5, "below"), (1.001, "in"), (17, "in"), (18, "above")])
def test_the_papers_range(found, factor, place):
    platform = row(throughput=found[0].report.throughput_per_watt * 10 / (BAND[0] * factor))
    assert ratios(found[:1], [platform])[0].place == place


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
    assert re.search(text, ratios(found[:1], [row(**changes)])[0].why)


def test_nodes_of_the_processes():
    assert {name: node(name) for name in ("45nm", "28nm", "fpga28")} == {"45nm": 45, "28nm": 28, "fpga28": 28}


def test_the_picture_has_a_line_a_platform_and_the_range(found):
    drawing = of_ratios(ratios(found, published()), 7.0)
    axes = drawing.axes
    assert [panel.get_title(loc="left") for panel in axes] == [
        "ResNet-50, 224 x 224",
        "BERT-base, 128 tokens",
    ]
    assert len(axes[0].get_yticks()) == len([r for r in published() if r.runs("resnet50", 224)])
    band = axes[0].patches[0].get_extents().transformed(axes[0].transData.inverted())
    assert np.allclose(band.intervalx, BAND)
