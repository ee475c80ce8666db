import math

import pytest

from dse.score import Scorer, cost_figures, finite
from dse.space import Candidate

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


def test_known_figures_are_not_scored_again(fake_network):
    scorer = Scorer(fake_network())
    scorer.quality(TABLES, INT8)
    again = Scorer(fake_network(), scorer.known)
    assert again.quality(TABLES, INT8) == scorer.quality(TABLES, INT8)
    assert again.evaluations == 0


def test_cost_is_that_of_the_accelerator_model(fake_network):
    design, workload, report = Scorer(fake_network()).cost(Candidate(TABLES, INT8 | {"rows": 8, "cols": 8}))
    assert design.addressing == "comparator"
    assert workload.macs == 64**3
    figures = cost_figures(report)
    assert figures["throughput_per_watt"] == pytest.approx(1 / figures["energy_j"])
    assert figures["power_w"] == pytest.approx(figures["energy_j"] / figures["latency_s"])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match=r"accuracy = .*: must be finite"):
        finite({"accuracy": value})
