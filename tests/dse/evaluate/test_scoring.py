import math
import pickle
import threading

import pytest

from accel_models import evaluate
from dse.evaluate import Job, OtherNetworkError, apart, costs, finite, hold, score
from dse.metrics import HARDWARE
from dse.space import Candidate

INT8 = {"data_width": "int8"}
TABLES = {
    "exp": {"segments": 8, "placement": "minimax", "bias": "none"},
    "gelu": {"segments": 4, "placement": "uniform", "bias": "none"},
}


def test_a_job_is_scored_wherever_it_comes_to_with_a_network_made_once_a_thread(light):
    made = []

    def make(config):
        made.append(light.make(config))
        return made[-1]

    job = Job(make, {"name": "s"}, "light", TABLES, INT8)
    threads = [threading.Thread(target=lambda: [score(job) for _ in range(2)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2
    plain = Job(light.make, {"name": "s"}, "light", TABLES, INT8)
    assert pickle.loads(pickle.dumps(plain)) == plain  # noqa: S301 - our own


def test_a_worker_with_another_network_is_refused(light):
    job = Job(light.make, {"name": "s"}, "another", TABLES, INT8)
    with pytest.raises(OtherNetworkError, match=r"the worker on .* has other weights, data or code") as found:
        score(job)
    again = pickle.loads(pickle.dumps(found.value))  # noqa: S301 - as it comes from another process
    assert str(again) == str(found.value)


def test_a_score_that_takes_too_long_is_ended(light, monkeypatch):
    monkeypatch.setenv("LIGHT_SECONDS", "30")
    hold(light.make(None))
    with pytest.raises(TimeoutError, match=r"took longer than time_limit = 0\.1 s"):
        score(Job(light.make, {}, "light", TABLES, INT8, time_limit=0.1))


def test_what_tables_and_widths_lose_alone_is_scored_with_the_true_functions_and_in_floats(fake_network):
    network = fake_network()
    assert set(apart(network, TABLES, INT8)) == {"tables", "widths"}
    assert [scored.count("segments") for scored in network.scored] == [2, 0]
    assert ["int8" in scored for scored in network.scored] == [False, True]


def test_cost_is_that_of_the_accelerator_model(fake_network):
    workload, fields = fake_network().workload(TABLES), INT8 | {"rows": 8, "cols": 8}
    candidates = [Candidate(TABLES, fields | {"rows": rows}) for rows in (8, 16)]
    found = costs(candidates, workload, fake_network().accumulator)
    assert workload.macs == 64**3
    for (design, figures), rows in zip(found, (8, 16), strict=True):
        assert (design.addressing, design.rows) == ("comparator", rows)
        report = evaluate(design, workload)
        assert figures == {figure.name: getattr(report, figure.name) for figure in HARDWARE}


def test_costs_that_are_known_are_not_worked_out_again_but_must_be_finite(fake_network, monkeypatch):
    monkeypatch.setattr("dse.evaluate.cost.evaluate_many", None)
    workload, fields = fake_network().workload(TABLES), INT8 | {"rows": 8, "cols": 8}
    least = fake_network().accumulator
    ((design, figures),) = costs([Candidate(TABLES, fields, {"area_mm2": 2.0})], workload, least)
    assert (design.rows, figures) == (8, {"area_mm2": 2.0})
    with pytest.raises(ValueError, match="area_mm2 = inf"):
        costs([Candidate(TABLES, fields, {"area_mm2": math.inf})], workload, least)


def test_a_design_that_cannot_run_the_network_is_refused_with_the_reason(fake_network):
    workload = fake_network().workload(TABLES)
    with pytest.raises(ValueError, match="parameter_buffer"):
        costs([Candidate(TABLES, INT8 | {"parameter_buffer": 16})], workload, fake_network().accumulator)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match=r"accuracy = .*: must be finite"):
        finite({"accuracy": value})
