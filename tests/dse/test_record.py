import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from dse import record
from dse.errors import NoStudyError
from dse.record import EarlierStudyError, StudyRecord, TrialRecord

FULL = TrialRecord(
    number=0,
    tables={"gelu": {"segments": 8}},
    precision={"data_width": "int8"},
    design={"rows": 8},
    metrics={"fidelity": 1 / 3, "energy_j": 2.0},
    standard_errors={"fidelity": 0.01},
    violations={"energy_j": -0.5},
    params={"rows": 8},
    workload={"operations": []},
    direction="text",
    proposal="surrogate",
    evaluation=3,
    part=1,
    parts=2,
    seconds=1.5,
)


def added(*records):
    study = optuna.create_study(directions=["maximize", "minimize"])
    for own in records:
        distributions = {name: CategoricalDistribution((4, 8)) for name in own.params}
        study.add_trial(record.frozen(own, ("fidelity", "energy_j"), distributions))
    return study


def test_a_record_comes_back_as_it_was():
    study = added(FULL)
    found = record.read(study.trials[0])
    assert found.seconds == pytest.approx(1.5, abs=1e-3)
    assert record.attributes(found) == record.attributes(FULL)
    assert (found.params, found.violations, found.state) == (FULL.params, FULL.violations, FULL.state)
    assert study.trials[0].values == [1 / 3, 2.0]


def test_a_trial_without_metrics_says_why():
    found = record.read(added(TrialRecord(state="fail", reason="too hot")).trials[0])
    assert (found.state, found.reason, found.metrics, found.feasible) == ("fail", "too hot", {}, False)


def test_what_misses_a_constraint_is_not_feasible():
    assert FULL.feasible
    assert not TrialRecord(violations={"energy_j": 0.1}).feasible
    with pytest.raises(ValueError, match="trial 4: its workload was not recorded"):
        TrialRecord(number=4).load_workload()


def test_a_study_says_what_it_is_of():
    study = added()
    with pytest.raises(NoStudyError, match="here: holds no study yet"):
        record.read_study(study, "here")
    said = StudyRecord(study_file="name = 1", functions=["gelu"], original={"accuracy": 0.9})
    record.describe(study, said)
    assert record.read_study(study, "here") == said
    record.update(study, losses=[{"trial": 1}])
    assert record.read_study(study, "here").losses == [{"trial": 1}]
    with pytest.raises(TypeError, match="lost: must be a field of StudyRecord"):
        record.update(study, lost=1)


def test_a_study_of_an_earlier_version_is_refused_in_a_line_that_says_how_to_keep_it():
    study = added()
    study.set_user_attr("about", {"neuralmatrix": "0.1.0"})
    with pytest.raises(
        EarlierStudyError, match=r"here: its records are of version 1, .*--new keeps it"
    ) as found:
        record.read_study(study, "here")
    assert "\n" not in str(found.value)
