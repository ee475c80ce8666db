import numpy as np
import pytest
from matplotlib.colors import to_hex

from dse.plots import FRONT, label, pareto_figure, shown
from dse.record import TrialRecord


def test_all_trials_the_front_and_the_original_are_drawn(study):
    drawing = pareto_figure(study)
    upper, lower = drawing.axes
    trials = upper.collections[0].get_offsets()
    assert len(trials) == (study.trials().state == "complete").sum()
    (line,) = [line for line in upper.lines if to_hex(line.get_color()) == FRONT]
    assert sorted(line.get_xdata()) == pytest.approx(sorted(study.pareto().throughput_per_watt))
    assert line.get_drawstyle() == "steps-pre"
    assert any(np.allclose(line.get_ydata(), study.original["accuracy"]) for line in lower.lines)


def test_axes_have_labels_with_units_and_better_is_up(study):
    upper, lower = pareto_figure(study).axes
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
    drawing = pareto_figure(study, width=3.5)
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
    drawing = pareto_figure(unfinished)
    drawing.canvas.draw()
    assert "no finished trial" in [text.get_text() for text in drawing.axes[0].texts]


def test_baselines_near_the_trials_are_lines_named_in_the_legend(study):
    from dse.results.references import near, references

    drawing = pareto_figure(study)
    done = study.trials().query("state == 'complete'")
    expected = near(references(study), "throughput_per_watt", done.throughput_per_watt)
    lines = {line.get_label(): line.get_xdata()[0] for line in drawing.axes[0].lines}
    named = {text.get_text() for text in drawing.legends[0].get_texts()}
    assert expected
    for reference in expected:
        (name,) = (label for label in lines if label.startswith(reference.name))
        assert lines[name] == reference.figures["throughput_per_watt"]
        assert name in named


def test_a_third_objective_is_the_colour_of_the_front(three):
    drawing = pareto_figure(three)
    upper, _, bar = drawing.axes
    front = three.pareto()
    coloured = [c for c in upper.collections if c.get_array() is not None]
    assert [sorted(c.get_array()) for c in coloured] == [pytest.approx(sorted(front.area_mm2))]
    assert bar.get_ylabel().startswith("Area")
    assert not [line for line in upper.lines if line.get_label() == "Pareto front"]


def test_the_legend_stays_inside_a_column(three):
    drawing = pareto_figure(three, width=3.5)
    drawing.canvas.draw()
    box = drawing.legends[0].get_window_extent()
    assert drawing.bbox.x0 <= box.x0
    assert box.x1 <= drawing.bbox.x1
    assert box.y0 >= drawing.bbox.y0
