import itertools

import numpy as np
import optuna
import pytest

import dse
from accel_models import Design, Gemm, Workload, evaluate, needs
from dse.errors import UserError
from dse.metrics import HARDWARE, METRICS
from dse.pareto import non_dominated
from dse.search.design_grid.hardware import Hardware, check_size
from dse.space import Space
from dse.space.widths import completed
from dse.study_file import parse
from dse.study_file.constraints import Constraint

AXES = {"rows": (4, 8, 16), "cols": (4, 16), "dataflow": ("ws", "os"), "weight_buffer": (64, 65536)}
TEXT = (
    "[hardware]\nrows = [4, 8, 16]\ncols = [4, 16]\ndataflow = ['ws', 'os']\nweight_buffer = [64, 65536]\n"
    "input_buffer = 16384\noutput_buffer = 16384\nparameter_buffer = 1024\n"
)
OTHERS = {"data_width": "int8", "input_buffer": 16384, "output_buffer": 16384, "parameter_buffer": 1024}
WORKLOAD = Workload([Gemm(m=64, n=64, k=64)])


def least(chosen):
    return 48 if chosen["data_width"] == "int16" else 32


def _hardware(figures, constraints=(), text=TEXT):
    return Hardware(Space(parse(text), ("exp",)), least, [METRICS[name] for name in figures], constraints)


def _design(fields):
    return Design(**completed(fields, least), **needs(WORKLOAD))


def _evaluated():
    """Every design that can run the workload, one at a time: fields and report."""
    found = []
    for choice in itertools.product(*AXES.values()):
        fields = {**dict(zip(AXES, choice, strict=True)), **OTHERS}
        try:
            found.append((fields, evaluate(_design(fields), WORKLOAD)))
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("name", ["throughput_per_watt", "area_mm2"])
def test_the_best_design_is_the_best_of_all(name):
    figure = METRICS[name]
    (best,) = _hardware([name]).best(WORKLOAD)
    report = evaluate(_design(best), WORKLOAD)
    highest = max(figure.sign * getattr(other, name) for _, other in _evaluated())
    assert figure.sign * getattr(report, name) == pytest.approx(highest, rel=1e-12)
    assert {type(value) for value in best.values() if value is not None} <= {int, str, float}


def test_of_two_figures_every_design_that_no_other_beats_is_found():
    import numpy as np

    names = ["throughput_per_watt", "area_mm2"]
    best = _hardware(names).best(WORKLOAD)
    reports = [evaluate(_design(fields), WORKLOAD) for fields in best]
    points = np.array([[r.throughput_per_watt, -r.area_mm2] for _, r in _evaluated()])
    front = {tuple(point) for point in points[non_dominated(points)]}
    assert {(r.throughput_per_watt, -r.area_mm2) for r in reports} == front
    assert len(best) == len(front) > 1
    assert reports[0].throughput_per_watt == max(r.throughput_per_watt for r in reports)


def test_what_was_found_comes_with_the_figures_of_the_accelerator_model():
    hardware = _hardware(["throughput_per_watt", "area_mm2"])
    found = hardware.found(WORKLOAD)
    for fields, figures in zip(hardware.best(WORKLOAD), found.figures, strict=True):
        report = evaluate(_design(fields), WORKLOAD)
        assert figures == {figure.name: getattr(report, figure.name) for figure in HARDWARE}


def test_designs_outside_the_constraints_are_left_out():
    limit = sorted(r.area_mm2 for _, r in _evaluated())[4]
    (best,) = _hardware(["throughput_per_watt"], [Constraint(METRICS["area_mm2"], limit)]).best(WORKLOAD)
    inside = [r for _, r in _evaluated() if r.area_mm2 <= limit]
    report = evaluate(_design(best), WORKLOAD)
    assert report.area_mm2 <= limit
    assert report.throughput_per_watt == max(r.throughput_per_watt for r in inside)


def test_if_no_design_is_feasible_the_reason_says_which_constraint_excludes_how_many():
    limits = [Constraint(METRICS["power_w"], 1e9), Constraint(METRICS["area_mm2"], 1e-9)]
    able = len(_evaluated())
    expected = f"of {able} that can run it, power_w <= 1e\\+09 excludes 0, area_mm2 <= 1e-09 excludes {able}"
    with pytest.raises(optuna.TrialPruned, match=expected):
        _hardware(["throughput_per_watt"], limits).best(WORKLOAD)


def test_if_no_design_can_run_the_network_the_trial_is_pruned_with_the_reason():
    text = TEXT.replace("[64, 65536]", "64").replace("[4, 8, 16]", "16").replace("['ws', 'os']", "'ws'")
    with pytest.raises(optuna.TrialPruned, match="weight_buffer = 64: must be at least"):
        _hardware(["energy_j"], text=text + "data_width = 'int16'").best(WORKLOAD)


def test_designs_that_differ_only_in_what_does_not_apply_are_one():
    text = TEXT.replace(
        "input_buffer = 16384", "input_buffer = [4096, 16384]\nshared_buffer = ['none', 131072]"
    )
    hardware = _hardware(["energy_j"], text=text)
    shared = [fields for fields in hardware.fields if fields["shared_buffer"] is not None]
    assert len(shared) == 3 * 2 * 2
    assert len(hardware.fields) == len(shared) + 3 * 2 * 2 * 2 * 2


def test_a_workload_is_enumerated_once(monkeypatch):
    calls = []
    hardware = _hardware(["energy_j"])
    costs = hardware.costs
    monkeypatch.setattr(hardware, "costs", lambda *a: calls.append(a) or costs(*a))
    first = hardware.best(WORKLOAD)
    assert hardware.best(Workload([Gemm(m=64, n=64, k=64)])) == first
    assert len(calls) == 1


@pytest.mark.parametrize("sampler", ["auto", "tpe"])
def test_a_nested_study_records_every_parameter_and_takes_the_best_hardware(
    study_file, tmp_path, fake_network, no_results, sampler
):
    text = study_file.read_text().replace('"joint"', f'"nested"\nsampler = "{sampler}"')
    study_file.write_text(text)
    study = dse.run(study_file, trials=12, out=tmp_path / "out", make_network=fake_network)
    trials = study.optuna.trials
    tables = {str(sorted(trial.user_attrs["tables"].items())) for trial in trials}
    assert len(tables) == len(trials)  # none is recorded twice
    assert len(trials) == 12 if sampler == "auto" else 8 < len(trials) <= 12
    hardware = Hardware(study.space, fake_network().accumulator, [METRICS["throughput_per_watt"]])
    for trial in trials:
        assert set(trial.params) == set(study.space.searched)
        workload = fake_network().workload(trial.user_attrs["tables"])
        assert study.space.candidate(trial.params).design == hardware.best(workload)[0]


def test_with_three_objectives_each_choice_of_tables_gives_its_whole_hardware_front(
    study_file, tmp_path, fake_network, no_results
):
    objectives = "objectives = ['fidelity', 'throughput_per_watt', 'area_mm2']"
    study_file.write_text(study_file.read_text().replace('"joint"', f'"nested"\n{objectives}'))
    study = dse.run(study_file, trials=5, out=tmp_path / "out", make_network=fake_network)
    hardware = Hardware(
        study.space, fake_network().accumulator, [METRICS["throughput_per_watt"], METRICS["area_mm2"]]
    )
    by_tables = {}
    for trial in study.optuna.trials:
        assert set(trial.params) == set(study.space.searched)
        assert study.space.candidate(trial.params).tables == trial.user_attrs["tables"]
        by_tables.setdefault(str(trial.user_attrs["tables"]), []).append(trial)
    assert len(by_tables) == 5
    points, recorded = [], {tuple(trial.values) for trial in study.optuna.trials}
    for trials in by_tables.values():
        workload = fake_network().workload(trials[0].user_attrs["tables"])
        best = {str(design) for design in hardware.best(workload)}
        assert {str(study.space.candidate(trial.params).design) for trial in trials} <= best
        figures = hardware.found(workload).figures
        points += [(trials[0].values[0], own["throughput_per_watt"], own["area_mm2"]) for own in figures]
    signed = np.array(points) * [1, 1, -1]
    front = {tuple(points[row]) for row in np.flatnonzero(non_dominated(signed))}
    assert front <= recorded  # all that none beats; others only where nothing beat them at the time
    assert len(recorded) < len(points)
    others = [tuple(trial.values) for trial in study.optuna.trials if trial.user_attrs.get("part")]
    assert len(set(others)) == len(others) > 0


def test_widths_are_searched_and_each_design_is_scored_in_its_own(
    study_file, tmp_path, fake_network, no_results
):
    text = study_file.read_text().replace('"joint"', '"nested"')
    study_file.write_text(text.replace('data_width = "int16"', 'data_width = ["int8", "int16"]'))
    study = dse.run(study_file, trials=12, out=tmp_path / "out", make_network=fake_network)
    for trial in study.optuna.trials:
        attrs, width = trial.user_attrs, trial.params["data_width"]
        chosen = {"data_width": width}
        assert attrs["design"]["data_width"] == width
        assert attrs["design"]["accumulator_bits"] == fake_network().accumulator(chosen)
        assert attrs["metrics"]["fidelity"] == fake_network().quality(attrs["tables"], chosen)["fidelity"]
    assert {trial.params["data_width"] for trial in study.optuna.trials} == {"int8", "int16"}
    assert len(study.optuna.trials) == 12


def test_a_space_too_large_to_enumerate_is_refused():
    rows = ", ".join(map(str, range(1, 1000)))
    config = parse(f"[hardware]\nrows = [{rows}]\ncols = [{rows}]")
    with pytest.raises(UserError, match=r"\[hardware\]: \d+ designs: must be at most 100000"):
        check_size(config.design_axes)
