import itertools

import optuna
import pytest

import dse
from accel_models import Design, Gemm, Workload, evaluate, needs
from dse import nested
from dse.config import parse
from dse.errors import UserError
from dse.figures import FIGURES
from dse.widths import completed

AXES = {
    "data_width": ("int8",),
    "rows": (4, 8, 16),
    "cols": (4, 16),
    "dataflow": ("ws", "os"),
    "weight_buffer": (64, 65536),
}
WORKLOAD = Workload([Gemm(m=64, n=64, k=64)])


def least(chosen):
    return 48 if chosen["data_width"] == "int16" else 32


@pytest.mark.parametrize("name", ["throughput_per_watt", "area_mm2"])
def test_the_best_design_is_the_best_of_all(name):
    figure, values = FIGURES[name], []
    for choice in itertools.product(*AXES.values()):
        try:
            design = Design(**completed(dict(zip(AXES, choice, strict=True)), least), **needs(WORKLOAD))
            values.append(figure.sign * getattr(evaluate(design, WORKLOAD), name))
        except ValueError:
            continue
    best = nested.best_design(AXES, WORKLOAD, figure, least)
    report = evaluate(Design(**completed(best, least), **needs(WORKLOAD)), WORKLOAD)
    assert figure.sign * getattr(report, name) == pytest.approx(max(values), rel=1e-12)
    assert {type(value) for value in best.values()} <= {int, str}


def test_if_no_design_can_run_the_network_the_trial_is_pruned_with_the_reason():
    axes = AXES | {"weight_buffer": (64,), "data_width": ("int16",), "rows": (16,), "dataflow": ("ws",)}
    with pytest.raises(optuna.TrialPruned, match="weight_buffer = 64: must be at least"):
        nested.best_design(axes, WORKLOAD, FIGURES["energy_j"], least)


def test_a_nested_study_records_every_parameter_and_takes_the_best_hardware(
    study_file, tmp_path, fake_network, no_results
):
    study_file.write_text(study_file.read_text().replace('"joint"', '"nested"'))
    study = dse.run(study_file, trials=12, out=tmp_path / "out", make_network=fake_network)
    trials = study.optuna.trials
    assert len(trials) == 12
    for trial in trials:
        assert set(trial.params) == set(study.space.searched)
        workload = fake_network().workload(trial.user_attrs["tables"])
        figure, least = FIGURES["throughput_per_watt"], fake_network().accumulator
        best = nested.best_design(study.space.design_axes, workload, figure, least)
        assert study.space.candidate(trial.params).design == best


def test_objectives_that_cannot_be_nested_are_refused():
    config = parse("[search]\nobjectives = ['area_mm2', 'throughput']")
    with pytest.raises(UserError, match=r"\[search\] objectives: must be one of accuracy, .* with strategy"):
        nested.check(config.design_axes, config.figures)


def test_a_space_too_large_to_enumerate_is_refused():
    rows = ", ".join(map(str, range(1, 1000)))
    config = parse(f"[hardware]\nrows = [{rows}]\ncols = [{rows}]")
    with pytest.raises(UserError, match=r"\[hardware\]: \d+ designs: must be at most 100000"):
        nested.check(config.design_axes, config.figures)
