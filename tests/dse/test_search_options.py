"""Fields of a study file that change how a search goes, on a whole run."""

import time

import optuna
import pytest

import dse
from dse.errors import UserError
from dse.search.nested import enumeration
from dse.space import Space
from dse.study_file import parse


@pytest.fixture
def run(study_file, tmp_path, fake_network, no_results):
    """Run the small study with some lines added to a section."""

    def go(trials=8, network=fake_network, **sections):
        text = study_file.read_text().replace('strategy = "joint"\n', "")
        for section, lines in sections.items():
            body = f"[{section}]\n{lines}\n"
            text = text.replace(f"[{section}]\n", body) if f"[{section}]" in text else text + body
        study_file.write_text(text)
        return dse.run(study_file, trials, tmp_path / "out", make_network=network)

    return go


def test_a_trial_that_takes_too_long_is_recorded_with_its_reason_and_the_study_goes_on(run, fake_network):
    class Slow(fake_network):
        def quality(self, tables, chosen, share=1.0):
            if tables and tables["exp"]["segments"] < 8:
                time.sleep(60)
            return super().quality(tables, chosen)

    trials = run(6, Slow, search="time_limit = 0.5").trials()
    assert len(trials) == 6
    late = trials[trials.state == "fail"]
    assert len(late)
    assert set(late.reason) == {"took longer than time_limit = 0.5 s"}
    assert (trials.state == "complete").any()


@pytest.mark.parametrize("strategy", ["nested", "joint"])
def test_designs_keep_to_the_constraints(run, strategy, study_file, fake_network):
    space = Space(parse(study_file.read_text()), fake_network.functions)
    costs = enumeration(space, fake_network()).costs(
        fake_network().workload(space.candidate(space.plain()[0]).tables)
    )
    limit = round(costs.area_mm2.quantile(0.5), 4)
    study = run(20, search=f'strategy = "{strategy}"', constraints=f"area_mm2 = {limit}")
    trials = study.trials()
    done = trials[trials.state == "complete"]
    assert len(done)
    assert (done.area_mm2 <= limit).all()
    assert done.feasible.all()
    if strategy == "joint":
        outside = trials[trials.reason.str.contains(f"not area_mm2 <= {limit}")]
        assert len(outside)
        assert outside.fidelity.isna().all()  # the accuracy of what cannot be built is not scored


def test_no_feasible_design_is_refused_before_any_work_and_says_what_excludes_how_many(run, tmp_path):
    with pytest.raises(
        UserError,
        match=r"small.toml: \[constraints\]: no feasible design: of \d+ that can run it, "
        r"power_w <= 1000 excludes 0, area_mm2 <= 1e-06 excludes \d+$",
    ):
        run(constraints="area_mm2 = 1e-6\npower_w = 1000.0")
    assert not (tmp_path / "out").exists()


def test_a_limit_on_quality_is_a_constraint_of_optunas(run):
    study = run(20, constraints="fidelity = 0.9")
    trials = study.optuna.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    assert all(set(trial.constraints) == {"fidelity"} for trial in trials)
    missed = [t.number for t in trials if t.user_attrs["metrics"]["fidelity"] < 0.9]
    frame = study.trials()
    assert missed
    assert frame[~frame.feasible].number.tolist() == missed
    assert (study.pareto().fidelity >= 0.9).all()
    assert {trial.number for trial in study.optuna.best_trials}.isdisjoint(missed)


def test_with_tables_for_each_site_each_site_is_a_parameter(run, fake_network):
    class Sited(fake_network):
        sites = {"a.exp": "exp", "b.exp": "exp", "a.gelu": "gelu"}  # noqa: RUF012

    study = run(12, Sited, approximation='share = "site"')
    names = {name for name in study.space.searched if name.endswith(".segments")}
    assert names == {"a.exp.segments", "b.exp.segments", "a.gelu.segments"}
    tables = [trial.user_attrs["tables"] for trial in study.optuna.trials]
    assert any(t["a.exp"] != t["b.exp"] for t in tables)


def test_only_what_could_join_the_front_is_scored_on_all_data(run, fake_network):
    class Quick(fake_network):
        quick = ()

        def quality(self, tables, chosen, share=1.0):
            if share == 1.0:
                return super().quality(tables, chosen)
            assert share == 0.25
            figures = fake_network.quality(fake_network(), tables, chosen)
            self.quick = (*self.quick, tables)
            return figures | {"fidelity": figures["fidelity"] ** 1.1}

    networks = []

    def make(config):
        networks.append(Quick(config))
        return networks[-1]

    study = run(40, make, search='subset = 0.25\nsampler = "random"')
    trials = study.trials()
    ruled_out = trials[trials.state == "pruned"]
    assert len(ruled_out)
    assert ruled_out.reason.str.startswith("cannot join the front: fidelity ").all()
    assert ruled_out.fidelity.isna().all()
    complete = study.optuna.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    for trial in complete:  # figures that are reported are those of all data
        full = fake_network().quality(trial.user_attrs["tables"], {"data_width": "int16"})
        assert trial.user_attrs["metrics"]["fidelity"] == full["fidelity"]
    assert len(networks[0].scored) < len({str(tables) for tables in networks[0].quick})


def test_the_fronts_networks_are_trained_after_the_search(run, fake_network):
    class Trained(fake_network):
        def finetuned(self, tables, chosen):
            return fake_network.original | {"accuracy": 0.97}

    study = run(6, Trained, search='finetune = "front"')
    assert sorted(study.finetuned().index) == sorted(study.pareto().number)
    assert set(study.finetuned().accuracy) == {0.97}
    assert study.trials().accuracy.max() < 0.97


def test_a_sampler_that_cannot_search_is_refused_before_any_work(run, tmp_path):
    with pytest.raises(UserError, match=r'small.toml: \[search\] sampler = "CmaEsSampler": cannot search'):
        run(search='strategy = "joint"\nsampler = "CmaEsSampler"')
    assert not (tmp_path / "out").exists()
