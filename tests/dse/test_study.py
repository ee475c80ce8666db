import json

import numpy as np
import optuna
import pytest

import dse
from dse import storage
from dse.errors import UserError
from dse.pareto import non_dominated
from dse.results.growth import hypervolume
from dse.study import Study


class Failing:
    """Mixed into a network: some tables cannot be scored."""

    def quality(self, tables, chosen, share=1.0):
        if tables and tables["exp"]["placement"] == "uniform":
            raise RuntimeError("no such luck")
        if tables and tables["exp"]["segments"] < 8:
            return super().quality(tables, chosen) | {"accuracy": float("nan")}
        return super().quality(tables, chosen)


@pytest.fixture
def failing(fake_network):
    return type("FailingNetwork", (Failing, fake_network), {})


def test_a_run_leaves_its_results(study):
    written = {path.name for path in study.folder.iterdir() if not path.name.startswith(("study.db-", "."))}
    results = {"report.html", "pareto.png", "trials.csv", "trials.parquet", "best.json", "ratios.csv"}
    assert written == {"study.db", *results}
    assert len(study.trials()) == 24


def test_every_figure_of_a_finished_trial_is_recorded_and_is_the_models_own(study, fake_network):
    from accel_models import Design, evaluate

    done = [own for own in study.records() if own.state == "complete"]
    assert done
    for own in done:
        candidate = study.space.candidate(own.params)
        assert own.tables == candidate.tables
        report = evaluate(Design.from_dict(own.design), fake_network().workload(candidate.tables))
        assert own.metrics["throughput_per_watt"] == pytest.approx(report.throughput_per_watt, rel=1e-12)
        assert own.metrics["fidelity"] == fake_network().quality(candidate.tables, {})["fidelity"]
        assert set(study.snapshot().metrics) <= set(own.metrics)


def test_the_front_is_the_non_dominated_set(study):
    front, done = study.pareto(), study.trials().query("state == 'complete'")
    names = ["fidelity", "throughput_per_watt"]
    best = done[non_dominated(done[names].to_numpy())]
    assert set(map(tuple, front[names].to_numpy())) == set(map(tuple, best[names].to_numpy()))
    assert front.fidelity.is_monotonic_decreasing
    assert front.knee.sum() == 1


def test_designs_on_the_front_keep_their_workload(study):
    for number in study.pareto().number:
        assert study.optuna.trials[number].user_attrs["workload"]["operations"]


def test_best_of_a_figure_follows_its_direction(study):
    trials = study.trials()
    assert study.best("accuracy").accuracy == trials.accuracy.max()
    assert study.best("area_mm2").area_mm2 == trials.area_mm2.min()
    assert study.best().number == study.pareto().query("knee").number.item()
    with pytest.raises(ValueError, match="metric = 'speed': must be one of accuracy"):
        study.best("speed")


def test_hardware_that_cannot_run_the_network_is_pruned_before_the_accuracy_is_scored(study, fake_network):
    pruned = study.trials().query("state == 'pruned'")
    assert len(pruned)
    assert pruned.reason.str.startswith("weight_buffer = 64: must be at least").all()
    assert pruned.accuracy.isna().all()


def test_a_trial_that_fails_is_recorded_with_its_reason_and_the_study_goes_on(
    study_file, tmp_path, failing, no_results
):
    study = dse.run(study_file, trials=24, out=tmp_path / "out", make_network=failing)
    trials = study.trials()
    assert len(trials) == 24
    reasons = set(trials[trials.state == "fail"].reason)
    assert reasons == {"RuntimeError: no such luck", "accuracy = nan: must be finite"}
    assert (trials.state == "complete").any()


def test_a_study_continues_where_it_stopped(study_file, tmp_path, fake_network, no_results):
    folder = tmp_path / "out"
    first = dse.run(study_file, trials=6, out=folder, make_network=fake_network).trials()
    networks = []

    def make(config):
        networks.append(fake_network(config))
        return networks[0]

    second = dse.run(study_file, trials=6, out=folder, make_network=make).trials()
    assert len(second) == 12
    assert second.head(6)[first.columns.drop("reason")].equals(first[first.columns.drop("reason")])
    parameters = [name for name in first.columns if "." in name]
    assert not np.array_equal(second[parameters][:6].to_numpy(), second[parameters][6:].to_numpy())
    known = {
        json.dumps(t.user_attrs["tables"], sort_keys=True)
        for t in Study.open(folder).optuna.trials[:6]
        if t.values
    }
    assert not known & set(networks[0].scored)  # what the first run scored is not scored again


def test_the_same_seed_gives_the_same_trials(study_file, tmp_path, fake_network, no_results):
    runs = [dse.run(study_file, trials=15, out=tmp_path / name, make_network=fake_network) for name in "ab"]
    first, second = (run.trials().drop(columns="seconds") for run in runs)
    assert first.equals(second)


def test_a_changed_study_file_is_refused_with_the_differences(
    own_study, study_file, fake_network, no_results
):
    study_file.write_text(study_file.read_text().replace("rows = [4, 8, 16]", "rows = [4, 8]"))
    with pytest.raises(UserError) as error:
        dse.run(study_file, out=own_study.folder, make_network=fake_network)
    first, second = str(error.value).splitlines()
    assert (
        first
        == f"{study_file}: {own_study.folder} holds a study of another study file; use --new to start afresh"
    )
    assert second == "  [hardware] rows = [4, 8]: was [4, 8, 16]"
    assert len(Study.open(own_study.folder).trials()) == 24


def test_more_trials_in_the_study_file_are_no_change(own_study, study_file, fake_network, no_results):
    study_file.write_text(study_file.read_text().replace("seed = 1", "seed = 1\ntrials = 2"))
    assert len(dse.run(study_file, out=own_study.folder, make_network=fake_network).trials()) == 26


def test_new_keeps_the_old_study_aside(own_study, study_file, fake_network, no_results):
    study_file.write_text(study_file.read_text().replace("rows = [4, 8, 16]", "rows = [4, 8]"))
    again = dse.run(study_file, trials=3, out=own_study.folder, new=True, make_network=fake_network)
    assert len(again.trials()) == 3
    kept = optuna.load_study(
        study_name="small", storage=storage.open_sqlite(own_study.folder / "study-1.db").optuna
    )
    assert len(kept.trials) == 24


def test_ctrl_c_keeps_finished_trials_and_writes_the_results(study_file, tmp_path, fake_network):
    class Interrupted(fake_network):
        def quality(self, tables, chosen, share=1.0):
            if len(self.scored) == 5:
                raise KeyboardInterrupt
            return super().quality(tables, chosen)

    with pytest.raises(KeyboardInterrupt):
        dse.run(study_file, trials=50, out=tmp_path / "out", make_network=Interrupted)
    trials = Study.open(tmp_path / "out").trials()
    assert (trials.state == "complete").sum() == 5
    assert (tmp_path / "out" / "report.html").exists()
    more = dse.run(study_file, trials=3, out=tmp_path / "out", make_network=fake_network)
    assert len(more.trials()) == len(trials) + 3


def test_nothing_is_made_before_the_input_is_checked(study_file, tmp_path, fake_network):
    study_file.write_text(study_file.read_text() + "\n[approximation.silu]\nsegments = 4\n")
    with pytest.raises(
        UserError, match=r"small.toml: \[approximation.silu\]: must be a function of the network"
    ):
        dse.run(study_file, out=tmp_path / "out", make_network=fake_network)
    assert not (tmp_path / "out").exists()


def test_a_study_of_minimised_objectives(study_file, tmp_path, fake_network, no_results):
    study_file.write_text(
        "[search]\nobjectives = ['kl_divergence', 'area_mm2']\n"
        + study_file.read_text().replace("[search]", "")
    )
    study = dse.run(study_file, trials=12, out=tmp_path / "out", make_network=fake_network)
    front = study.pareto()
    assert front.kl_divergence.is_monotonic_increasing
    assert front.area_mm2.is_monotonic_decreasing
    assert hypervolume(study.snapshot()) >= hypervolume(study.snapshot(), 6) >= 0


def test_hypervolume_never_falls(study):
    history = [hypervolume(study.snapshot(), count) for count in range(1, len(study.snapshot().points()) + 1)]
    assert history == sorted(history)
    assert history[-1] == hypervolume(study.snapshot()) > 0


def test_a_folder_without_a_study(tmp_path):
    with pytest.raises(UserError, match=r"study\.db: no such file: must be the folder of a study"):
        Study.open(tmp_path)


@pytest.mark.parametrize("described", [False, True])
def test_a_run_killed_before_its_first_trial_is_run_again(
    tmp_path, study_file, fake_network, no_results, described
):
    (tmp_path / "out").mkdir()
    opened = storage.open_sqlite(tmp_path / "out" / "study.db")
    if described:
        optuna.create_study(study_name="small", storage=opened.optuna, directions=["maximize", "maximize"])
    with pytest.raises(UserError, match="holds no study yet"):
        Study.open(tmp_path / "out")
    assert len(dse.run(study_file, trials=2, out=tmp_path / "out", make_network=fake_network).trials()) == 2


def test_a_notebook_shows_the_front(study):
    assert study._repr_html_().count("<tr") == len(study.pareto()) + 1
