import math

import pytest

from dse.score import Scorer, cost_figures, finite
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
    design, report = Scorer(fake_network()).cost(Candidate(TABLES, fields), workload)
    assert design.addressing == "comparator"
    assert workload.macs == 64**3
    figures = cost_figures(report)
    assert figures["throughput_per_watt"] == pytest.approx(1 / figures["energy_j"])
    assert figures["power_w"] == pytest.approx(figures["energy_j"] / figures["latency_s"])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match=r"accuracy = .*: must be finite"):
        finite({"accuracy": value})
