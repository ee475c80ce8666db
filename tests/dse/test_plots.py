import json
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from dse.labels import label, labels
from dse.pictures import picture
from dse.plots import PLOTS, Asked
from dse.plots.style import FRONT, shown
from dse.record import TrialRecord
from dse.results.platforms import FILE

ROW = """[[platform]]
name = {name}
kind = "cpu"
network = "digits-bert"
size = 0
batch = 1
precision = "fp32"
power_w = 0.004
power = "tdp"
scope = "as stated"
node_nm = 0
source = "measured"
throughput = 1000.0
"""


def test_all_trials_the_front_and_the_original_are_drawn(study):
    drawing = PLOTS["front"](study.snapshot(), Asked())
    upper, lower = drawing.axes
    trials = upper.collections[0].get_offsets()
    assert len(trials) == (study.trials().state == "complete").sum()
    (line,) = [line for line in upper.lines if to_hex(line.get_color()) == FRONT]
    assert sorted(line.get_xdata()) == pytest.approx(sorted(study.pareto().throughput_per_watt))
    assert line.get_drawstyle() == "steps-pre"
    assert any(np.allclose(line.get_ydata(), study.original["accuracy"]) for line in lower.lines)


def test_axes_have_labels_with_units_and_better_is_up(study):
    upper, lower = PLOTS["front"](study.snapshot(), Asked()).axes
    assert lower.get_xlabel() == "Throughput per watt (inferences/J)"
    assert upper.get_ylabel() == "Fidelity to the original"
    assert upper.get_yscale() == "log"
    assert upper.yaxis_inverted()  # the axis is the distance to 1


def test_points_near_one_are_told_apart(study):
    from dse.metrics import METRICS

    done = study.trials().query("state == 'complete'")
    distance = shown(done.fidelity, METRICS["fidelity"])
    assert np.allclose(1 - distance, done.fidelity)


def test_labels_stay_inside_the_drawing(study):
    drawing = PLOTS["front"](study.snapshot(), Asked(width=3.5))
    drawing.canvas.draw()
    frame = drawing.bbox
    for text in drawing.axes[0].texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1


def test_a_design_is_named_by_array_dataflow_and_tables():
    attrs = {
        "design": {"rows": 8, "cols": 16, "dataflow": "ws", "data_width": "int8"},
        "tables": {
            "exp": {"segments": 4, "placement": "uniform"},
            "gelu": {"segments": 16, "placement": "uniform"},
        },
    }
    assert label(TrialRecord(**attrs)) == "8×16 ws int8, 4–16 uniform"
    attrs["tables"]["exp"]["placement"] = "dyadic"
    assert label(TrialRecord(**attrs)) == "8×16 ws int8, 4–16 mixed"


def test_a_study_without_a_finished_trial_can_be_drawn(unfinished):
    drawing = PLOTS["front"](unfinished.snapshot(), Asked())
    drawing.canvas.draw()
    assert "no finished trial" in [text.get_text() for text in drawing.axes[0].texts]


def test_baselines_near_the_trials_are_lines_named_in_the_legend(study):
    from dse.results.references import near, references

    drawing = PLOTS["front"](study.snapshot(), Asked())
    done = study.trials().query("state == 'complete'")
    expected = near(references(study.snapshot()), "throughput_per_watt", done.throughput_per_watt)
    lines = {line.get_label(): line.get_xdata()[0] for line in drawing.axes[0].lines}
    named = {text.get_text() for text in drawing.legends[0].get_texts()}
    assert expected
    for reference in expected:
        (name,) = (label for label in lines if label.startswith(reference.name))
        assert lines[name] == reference.metrics["throughput_per_watt"]
        assert name in named


def test_a_third_objective_is_the_colour_of_the_front(three):
    drawing = PLOTS["front"](three.snapshot(), Asked())
    upper, _, bar = drawing.axes
    front = three.pareto()
    coloured = [c for c in upper.collections if c.get_array() is not None]
    assert [sorted(c.get_array()) for c in coloured] == [pytest.approx(sorted(front.area_mm2))]
    assert bar.get_ylabel().startswith("Area")
    assert not [line for line in upper.lines if line.get_label() == "Pareto front"]


def test_the_legend_stays_inside_a_column(three):
    drawing = PLOTS["front"](three.snapshot(), Asked(width=3.5))
    drawing.canvas.draw()
    box = drawing.legends[0].get_window_extent()
    assert drawing.bbox.x0 <= box.x0
    assert box.x1 <= drawing.bbox.x1
    assert box.y0 >= drawing.bbox.y0


@pytest.mark.parametrize("kind", PLOTS)
@pytest.mark.parametrize("name", ["unfinished", "networks"])
def test_every_plot_draws_every_study(kind, name, request):
    drawing = PLOTS[kind](request.getfixturevalue(name).snapshot(), Asked())
    assert picture(drawing, "svg").startswith(b"<?xml")


def test_any_two_metrics_can_be_the_axes(study):
    area, power = (study.snapshot().metrics[name] for name in ("area_mm2", "power_w"))
    drawing = PLOTS["front"](study.snapshot(), Asked(x=area, y=power))
    upper, lower, bar = drawing.axes
    assert bar.get_ylabel().startswith("log10")  # an objective that is on no axis colours the front
    assert upper.get_ylabel() == power.heading
    assert lower.get_xlabel() == area.heading
    offsets = upper.collections[0].get_offsets()
    done = study.trials().query("state == 'complete'")
    assert np.allclose(sorted(offsets[:, 0]), sorted(done.area_mm2))


@pytest.mark.parametrize("name", ["$$ $\\alpha$ a_b^c", "_hidden <b>&"])
@pytest.mark.parametrize("kind", PLOTS)
def test_text_of_a_user_is_taken_as_it_is(own_study, kind, name):
    shot = replace(own_study.snapshot(), name=name)
    (shot.folder / FILE).write_text(ROW.format(name=json.dumps(name)))
    drawing = PLOTS[kind](shot, Asked())
    assert picture(drawing, "png")
    if kind == "front":
        assert drawing.axes[0].get_title(loc="left").startswith(f"{name}: ")


def test_designs_that_are_alike_are_told_apart_by_what_differs():
    design = {
        "rows": 8,
        "cols": 16,
        "dataflow": "ws",
        "data_width": "int8",
        "input_buffer": 4096,
        "clock": 1e9,
    }
    params = {"rows": 8, "input_buffer": 0, "clock": 0}
    one = TrialRecord(design=design, params=params)
    two = TrialRecord(design={**design, "input_buffer": 65536}, params=params)
    other = TrialRecord(design={**design, "rows": 4}, params=params)
    assert labels([one, two, other]) == ["8×16 ws int8, input 4K", "8×16 ws int8, input 64K", "4×16 ws int8"]
