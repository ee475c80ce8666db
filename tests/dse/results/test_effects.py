"""Importances come from what is known of all choices, not from the few that were recorded."""

import numpy as np
import pandas as pd
import pytest

from accel_models import evaluate_many, needs
from dse.report import render
from dse.results.effects import effects


def test_of_hardware_they_are_those_of_the_whole_grid(hardware):
    shot = hardware.snapshot()
    per_watt, area = effects(shot)
    assert (per_watt.metric.name, area.metric.name) == ("throughput_per_watt", "area_mm2")
    sweep = pd.concat(pd.read_parquet(path) for path in sorted((shot.folder / "designs").glob("part-*")))
    able = sweep[sweep.reason == ""]
    for own in (per_watt, area):
        values = able[own.metric.name].astype(float)
        for name, share in own.shares.items():
            groups = values.groupby(able[name])
            between = (groups.count() * (groups.mean() - values.mean()) ** 2).sum() / len(values)
            assert share == pytest.approx(between / values.var(ddof=0), abs=1e-4)
    assert "all 72 designs" in per_watt.of


def test_of_a_search_hardware_is_that_of_the_grid_and_tables_those_of_the_model(study):
    quality, per_watt = effects(study.snapshot())
    assert quality.metric.name == "fidelity"
    assert {name.partition(".")[0] for name in quality.shares} <= {"exp", "gelu"}
    assert 0 < sum(quality.shares.values()) <= 1 + 1e-9
    knee, axes = study.snapshot().knee, study.config.design_axes
    names = ["rows", "cols", "dataflow", "weight_buffer", "parameter_buffer"]
    grid = pd.MultiIndex.from_product([axes[name] for name in names])
    designs = grid.to_frame(index=False, name=names)
    fixed = {n: knee.design[n] for n in ("data_width", "input_buffer", "output_buffer", "accumulator_bits")}
    work = knee.load_workload()
    costs = evaluate_many(designs.assign(**fixed, **needs(work)), work)
    able = costs.reason == ""
    values = costs.throughput_per_watt[able]
    means = values.groupby(designs.rows[able]).agg(["count", "mean"])
    between = float((means["count"] * (means["mean"] - values.mean()) ** 2).sum() / len(values))
    assert per_watt.shares["rows"] == pytest.approx(between / np.var(values), rel=1e-9)
    assert "Which parameters matter" in render(study.snapshot())


def test_an_unfinished_study_has_none(unfinished):
    assert effects(unfinished.snapshot()) == []
