import math

import pytest

from accel_models import evaluate
from dse.metrics import HARDWARE
from dse.score import Scorer, finite
from dse.space import Candidate
from dse.storage import open_sqlite

INT8 = {"data_width": "int8"}
TABLES = {
    "exp": {"segments": 8, "placement": "minimax", "bias": "none"},
    "gelu": {"segments": 4, "placement": "uniform", "bias": "none"},
}


def test_tables_are_scored_once(fake_network):
    network = fake_network()
    scorer = Scorer(network)
    first = scorer.quality(TABLES, INT8)
    assert scorer.quality(dict(reversed(TABLES.items())), INT8) == first
    assert scorer.evaluations == len(network.scored) == 1


def test_what_a_trial_or_another_scorer_scored_is_not_scored_again(fake_network, tmp_path):
    memo = open_sqlite(tmp_path / "study.db").memo
    first, second, third = Scorer(fake_network(), memo), Scorer(fake_network(), memo), Scorer(fake_network())
    figures = first.quality(TABLES, INT8)
    third.learn(TABLES, INT8, figures)
    assert second.quality(TABLES, INT8) == third.quality(TABLES, INT8) == figures
    assert (first.evaluations, second.evaluations, third.evaluations) == (1, 0, 0)


def test_another_network_or_width_is_another_score(fake_network, tmp_path):
    memo = open_sqlite(tmp_path / "study.db").memo
    Scorer(fake_network(), memo).quality(TABLES, INT8)
    other = fake_network()
    other.fingerprint = "another"
    for network, chosen in ((other, INT8), (fake_network(), {"data_width": "int16"})):
        scorer = Scorer(network, memo)
        scorer.quality(TABLES, chosen)
        assert scorer.evaluations == 1


def test_cost_is_that_of_the_accelerator_model(fake_network):
    workload, fields = fake_network().workload(TABLES), INT8 | {"rows": 8, "cols": 8}
    candidates = [Candidate(TABLES, fields | {"rows": rows}) for rows in (8, 16)]
    costs = Scorer(fake_network()).costs(candidates, workload)
    assert workload.macs == 64**3
    for (design, figures), rows in zip(costs, (8, 16), strict=True):
        assert (design.addressing, design.rows) == ("comparator", rows)
        report = evaluate(design, workload)
        assert figures == {figure.name: getattr(report, figure.name) for figure in HARDWARE}


def test_costs_that_are_known_are_not_worked_out_again_but_must_be_finite(fake_network, monkeypatch):
    monkeypatch.setattr("dse.score.evaluate_many", None)
    workload, fields = fake_network().workload(TABLES), INT8 | {"rows": 8, "cols": 8}
    ((design, figures),) = Scorer(fake_network()).costs(
        [Candidate(TABLES, fields, {"area_mm2": 2.0})], workload
    )
    assert (design.rows, figures) == (8, {"area_mm2": 2.0})
    with pytest.raises(ValueError, match="area_mm2 = inf"):
        Scorer(fake_network()).costs([Candidate(TABLES, fields, {"area_mm2": math.inf})], workload)


def test_a_design_that_cannot_run_the_network_is_refused_with_the_reason(fake_network):
    workload = fake_network().workload(TABLES)
    with pytest.raises(ValueError, match="parameter_buffer"):
        Scorer(fake_network()).costs([Candidate(TABLES, INT8 | {"parameter_buffer": 16})], workload)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match=r"accuracy = .*: must be finite"):
        finite({"accuracy": value})
