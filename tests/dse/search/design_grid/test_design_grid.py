"""An enumeration is exact: front, main effects and counts are those of all designs at once."""

import numpy as np
import pandas as pd
import pytest

from accel_models import Design, Gemm, Lookup, Workload, evaluate, needs
from dse.metrics import METRICS
from dse.pareto import non_dominated
from dse.search.design_grid import Costs, Enumerated, Grid, enumerate_designs
from dse.search.design_grid.front import choices, points
from dse.search.design_grid.parts import Parts
from dse.study_file import Constraint
from dse.workloads import Runs

AXES = {
    "rows": (4, 8, 16), "cols": (4, 16), "dataflow": ("ws", "os"), "data_width": ("int8", "int16"),
    "input_buffer": (64, 4096), "weight_buffer": (65536,), "output_buffer": (65536,),
    "shared_buffer": (None, 131072), "hadamard": ("diagonal", "full"), "operand_bandwidth": (None, 8),
}  # fmt: skip
OBJECTIVES = [METRICS[name] for name in ("latency_s", "energy_j", "area_mm2")]
NETWORKS = [
    Runs("first", Workload([Gemm(64, 48, 96), Lookup(64 * 48, 16, "shift")])),
    Runs("second", Workload([Gemm(128, 300, 32), Lookup(900, 8, "dyadic")], batch=2), weight=3.0),
]


@pytest.fixture
def grid():
    return Grid(AXES)


@pytest.fixture
def costs():
    return Costs(NETWORKS)


@pytest.fixture
def everything(grid, costs):
    """Metrics of all distinct designs, in one step."""
    numbers = grid.distinct(np.arange(grid.size))
    return costs.of(grid.frame(numbers))


def test_a_design_is_its_number(grid):
    for number in range(grid.size):
        assert grid.number(grid.fields(number)) == number
    assert len({tuple(grid.fields(n).items()) for n in range(grid.size)}) == grid.size


def test_designs_that_differ_in_what_does_not_apply_are_one(grid):
    kept = [grid.fields(int(n)) for n in grid.distinct(np.arange(grid.size))]
    meant = {
        (*((f, v) for f, v in design.items() if f not in ("input_buffer", "operand_bandwidth")),
         None if design["shared_buffer"] else design["input_buffer"],
         design["operand_bandwidth"] if design["hadamard"] == "full" else None)
        for design in map(grid.fields, range(grid.size))
    }  # fmt: skip
    assert len(kept) == len(meant)


def test_metrics_are_those_of_evaluate_and_their_weighted_geometric_mean(grid, costs, everything):
    for number in everything.together.index[::37]:
        if everything.reason[number]:
            continue
        design = costs.design(grid.fields(int(number)))
        own = [evaluate(design, run.workload) for run in NETWORKS]
        for name in METRICS:
            if name in everything.together:
                values = np.array([getattr(report, name) for report in own])
                assert everything.together[name][number] == pytest.approx(
                    np.exp(np.log(values) @ [0.25, 0.75])
                )
        assert own[0].area_mm2 == own[1].area_mm2


def test_a_chip_has_what_the_tables_of_all_networks_need(costs):
    assert costs.addressing["addressing"] == "dyadic"
    assert needs(NETWORKS[0].workload)["addressing"] == "shift"


@pytest.mark.parametrize("chunk", [7, 64, 10_000])
def test_the_front_is_that_of_all_designs_at_once(grid, costs, everything, chunk):
    limit = Constraint(METRICS["area_mm2"], float(everything.together.area_mm2.median()))
    found = enumerate_designs(Enumerated(grid, OBJECTIVES, [limit]), costs, chunk=chunk)
    able = everything.together[everything.reason == ""]
    feasible = able[limit.met(able.area_mm2.to_numpy())]
    front = feasible[non_dominated(points(feasible, OBJECTIVES))]
    front = front.drop_duplicates([metric.name for metric in OBJECTIVES])
    pd.testing.assert_frame_equal(found.front.rows.sort_index(), front.sort_index())
    assert (found.designs, found.possible, found.feasible) == (
        len(everything.reason),
        len(able),
        len(feasible),
    )
    assert found.excluded[str(limit)] == len(able) - len(feasible)
    for run in NETWORKS:
        own = everything.each[run.name].loc[feasible.index]
        assert found.best[run.name] == (own.latency_s.idxmin(), -own.latency_s.min())


def test_main_effects_are_variances_of_means(grid, costs, everything):
    found = enumerate_designs(Enumerated(grid, OBJECTIVES), costs, chunk=50)
    able = everything.together[everything.reason == ""]
    designs = grid.frame(able.index.to_numpy()).astype(object).where(lambda frame: frame.notna(), "none")
    shares = found.effects.shares()
    for metric in ("latency_s", "area_mm2"):
        mean, variance = able[metric].mean(), able[metric].var(ddof=0)
        for name in grid.searched:
            groups = able[metric].groupby(designs[name])
            between = (groups.count() * (groups.mean() - mean) ** 2).sum() / len(able)
            assert shares[metric][name] == pytest.approx(between / variance, abs=1e-9), name


def test_an_enumeration_that_was_ended_goes_on_where_it_was(grid, costs, tmp_path):
    whole = enumerate_designs(Enumerated(grid, OBJECTIVES), costs, Parts(tmp_path / "whole", "x"), chunk=50)

    def killed(done, _):
        if done >= 150:
            raise KeyboardInterrupt

    parts = Parts(tmp_path / "parts", "x")
    with pytest.raises(KeyboardInterrupt):
        enumerate_designs(Enumerated(grid, OBJECTIVES), costs, parts, killed, chunk=50)
    evaluated = []
    counted = Costs(NETWORKS)
    object.__setattr__(counted, "of", lambda frame: evaluated.append(len(frame)) or costs.of(frame))
    found = enumerate_designs(Enumerated(grid, OBJECTIVES), counted, parts, chunk=50)
    assert sum(evaluated) < whole.designs
    pd.testing.assert_frame_equal(found.front.rows, whole.front.rows)
    for metric, shares in whole.effects.shares().items():
        assert found.effects.shares()[metric] == pytest.approx(shares)
    assert (found.designs, found.best, found.refused) == (whole.designs, whole.best, whole.refused)
    files = [sorted(p.name for p in (tmp_path / name).glob("part-*")) for name in ("whole", "parts")]
    assert files[0] == files[1]


def test_parts_of_another_enumeration_are_not_taken(grid, costs, tmp_path):
    enumerate_designs(Enumerated(grid, OBJECTIVES), costs, Parts(tmp_path, "x"), chunk=50)
    assert Parts(tmp_path, "y").state() is None
    assert Parts(tmp_path, "x").state()["done"] > 0


@pytest.mark.parametrize("with_parquet", [True, False])
def test_every_design_is_in_the_parts(grid, costs, everything, tmp_path, monkeypatch, with_parquet):
    monkeypatch.setattr("dse.search.design_grid.parts.has_parquet", lambda: with_parquet)
    enumerate_designs(Enumerated(grid, OBJECTIVES), costs, Parts(tmp_path, "x"), chunk=100)
    read = pd.read_parquet if with_parquet else pd.read_csv
    rows = pd.concat([read(path) for path in sorted(tmp_path.glob("part-*"))], ignore_index=True)
    assert len(rows) == len(everything.together)
    assert set(grid.searched) <= set(rows)
    assert np.allclose(rows.energy_j, everything.together.energy_j, rtol=1e-6, equal_nan=True)
    assert np.allclose(
        rows["latency_s of second"], everything.each["second"].latency_s, rtol=1e-6, equal_nan=True
    )


def test_choices_stand_for_all_that_differ_little():
    front = pd.DataFrame(
        {"latency_s": [1.0, 1.005, 1.2, 2.0], "energy_j": [5.0, 4.99, 3.0, 1.0], "area_mm2": 1.0},
        index=[4, 7, 8, 2],
    )
    members, share = choices(front, OBJECTIVES, 10)
    assert members.to_dict() == {4: 2, 8: 1, 2: 1}
    assert share == 0.01
    fewer, share = choices(front, OBJECTIVES, 2)
    assert fewer.sum() == 4
    assert len(fewer) <= 2
    assert share > 0.01


def test_why_no_design_is_feasible(grid, costs):
    limit = Constraint(METRICS["area_mm2"], 1e-9)
    found = enumerate_designs(Enumerated(grid, OBJECTIVES, [limit]), costs)
    assert found.front.rows.empty
    assert found.why_none().startswith("no feasible design: of ")
    assert "area_mm2 <= 1e-09 excludes" in found.why_none()


def test_accumulators_hold_any_sum_of_the_networks(costs):
    assert costs.least({"data_width": "int8"}) >= 2 * 8 - 1 + np.log2(96)
    assert costs.least({"data_width": "int16", "accumulator_bits": 32}) == 32
    assert costs.least({"data_width": "fp16"}) == 32
    assert isinstance(costs.design({"data_width": "int16"}), Design)
