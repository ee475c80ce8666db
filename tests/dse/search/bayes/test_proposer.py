import itertools
import math

import numpy as np
import pytest

from dse.metrics import HARDWARE, METRICS
from dse.pareto import hypervolume, non_dominated
from dse.search.bayes.branch import Branch
from dse.search.bayes.choices import Choices
from dse.search.bayes.proposer import Proposer
from dse.search.nested import enumeration
from dse.space import Space
from dse.study_file import parse
from dse.study_file.constraints import Constraint

TEXT = """
[approximation]
segments = [2, 4, 8, 16, 32]
placement = ["uniform", "minimax"]
bias = ["none", "minimax"]
[hardware]
rows = [4, 8]
cols = [4, 8]
clock = 100e6
technology = "fpga28"
data_width = "int16"
dataflow = "os"
weight_buffer = 16384
input_buffer = 16384
output_buffer = 16384
parameter_buffer = [512, 1024]
"""


def _proposer(space, network, hardware, limits=(), seed=0):
    figures = space.config.figures
    choices = Choices(space, network, hardware, [figure for figure in figures if figure in HARDWARE])
    rng = np.random.default_rng(seed)
    return Proposer([Branch(choices, {}, 0, rng)], figures, limits, rng)


@pytest.fixture
def guided(fake_network):
    """Search with the proposer alone; gives the tables it proposed and their points."""

    def search(seed, evaluations, text=TEXT, limits=()):
        config, network = parse(text), fake_network()
        space = Space(config, network.functions, network.sites)
        hardware = enumeration(space, network)
        proposer = _proposer(space, network, hardware, limits, seed)
        found = []
        while len(found) < evaluations and (proposed := proposer.propose()) is not None:
            tables, _ = proposed
            workload = network.workload(tables)
            row = hardware.best_rows(workload)[:1]
            rate = float(hardware.costs(workload, row).throughput_per_watt.iloc[0])
            figures = {**network.quality(tables, {}), "throughput_per_watt": rate}
            proposer.learn(tables, {}, figures)
            found.append((tables, figures["kl_divergence"], rate))
        return space, network, hardware, found

    return search


def _true_front(space, network, hardware):
    points = []
    specs = [space.tables.specs(key) for key in space.tables.keys]
    for choice in itertools.product(*specs):
        tables = dict(zip(space.tables.keys, choice, strict=True))
        workload = network.workload(tables)
        row = hardware.best_rows(workload)[:1]
        rate = float(hardware.costs(workload, row).throughput_per_watt.iloc[0])
        points.append((-np.log10(network.quality(tables, {})["kl_divergence"]), rate))
    return np.array(points)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_finds_nearly_the_whole_front_in_a_twentieth_of_the_evaluations_of_all(guided, seed):
    space, network, hardware, found = guided(seed, 20)
    every = _true_front(space, network, hardware)
    front = every[non_dominated(every)]
    worst = front.min(axis=0) - 0.1 * np.ptp(front, axis=0)
    ours = np.array([(-np.log10(loss), rate) for _, loss, rate in found])
    assert len(every) == 400
    assert hypervolume(ours, worst) > 0.95 * hypervolume(front, worst)


def test_it_never_proposes_the_same_tables_twice_and_the_same_seed_proposes_the_same(guided):
    first, again = (guided(3, 25)[3] for _ in range(2))
    assert first == again
    tables = [str(t) for t, _, _ in first]
    assert len(set(tables)) == len(tables)


def test_it_opens_with_the_finest_tables_and_each_function_alone(guided):
    *_, found = guided(0, 4)
    first, second, third, fourth = (tables for tables, _, _ in found)
    assert {t["placement"] for t in first.values()} == {"uniform"}
    assert {t["placement"] for t in second.values()} == {"minimax"}
    assert {t["segments"] for tables in (first, second) for t in tables.values()} == {32}
    assert [key for key in second if third[key] != second[key]] == ["exp"]
    assert [key for key in second if fourth[key] != second[key]] == ["gelu"]


def test_after_the_opening_it_keeps_to_a_limit_on_quality(guided):
    limit = Constraint(METRICS["kl_divergence"], 0.05)
    *_, found = guided(0, 20, limits=[limit])
    later = [loss for _, loss, _ in found[8:]]
    assert np.mean([loss <= 0.05 for loss in later]) > 0.7


def test_a_choice_that_failed_is_not_proposed_again(fake_network):
    config, network = parse(TEXT), fake_network()
    space = Space(config, network.functions, network.sites)
    proposer = _proposer(space, network, enumeration(space, network))
    first, _ = proposer.propose()
    proposer.learn(first, {}, None)
    assert proposer.propose()[0] != first


def test_it_has_the_whole_front_after_half_of_all_evaluations(guided):
    space, network, hardware, found = guided(0, 200)
    every = _true_front(space, network, hardware)
    front = every[non_dominated(every)]
    ours = np.array([(-np.log10(loss), rate) for _, loss, rate in found])
    assert {tuple(point) for point in ours[non_dominated(ours)]} == {tuple(point) for point in front}


def test_the_model_is_fitted_to_each_evaluation_at_first_and_less_often_later(fake_network, monkeypatch):
    monkeypatch.setattr("dse.search.bayes.proposer.EACH", 12)
    monkeypatch.setattr("dse.search.bayes.proposer.WAITING", 6)
    proposer, score = _of_two_widths(fake_network(), 0)
    fits = []
    for _ in range(40):
        tables, chosen = proposer.propose()
        fits.append(proposer._model.fits)
        proposer.learn(tables, chosen, score(tables, chosen))
    fitted_at = [number for number, (now, before) in enumerate(itertools.pairwise(fits), 1) if before > now]
    assert fitted_at == [*range(8, 18), 18, 20, 22, 24, 27, 30, 34, 38]


def test_it_ends_when_everything_was_asked_for(fake_network):
    config, network = parse(TEXT.replace("[2, 4, 8, 16, 32]", "[2, 8]")), fake_network()
    space = Space(config, network.functions, network.sites)
    proposer, asked = _proposer(space, network, enumeration(space, network)), []
    while (proposed := proposer.propose()) is not None:
        asked.append(str(proposed[0]))
        proposer.learn(proposed[0], {}, {**network.quality(proposed[0], {}), "throughput_per_watt": 1.0})
    assert (
        len(set(asked)) == len(asked) == math.prod(len(space.tables.specs(key)) for key in space.tables.keys)
    )


def test_a_network_that_tells_no_direction_is_searched_all_the_same(fake_network):
    config, network = parse(TEXT), fake_network()
    space = Space(config, network.functions, network.sites)
    hardware = enumeration(space, network)
    proposer, found = _proposer(space, network, hardware), []
    for _ in range(30):
        tables, _ = proposer.propose()
        row = hardware.best_rows(network.workload(tables))[:1]
        rate = float(hardware.costs(network.workload(tables), row).throughput_per_watt.iloc[0])
        figures = {**network.quality(tables, {}), "throughput_per_watt": rate}
        proposer.learn(tables, {}, {name: figures[name] for name in figures if name != "direction"})
        found.append((-np.log10(figures["kl_divergence"]), rate))
    every = _true_front(space, network, hardware)
    front = every[non_dominated(every)]
    worst = front.min(axis=0) - 0.1 * np.ptp(front, axis=0)
    assert hypervolume(np.array(found), worst) > 0.9 * hypervolume(front, worst)


def _of_two_widths(network, seed):
    """Return a proposer for words of 8 and 16 bits, and what scores a proposal and tells proposers of it."""
    config = parse(TEXT.replace('data_width = "int16"', 'data_width = ["int8", "int16"]'))
    space = Space(config, network.functions, network.sites)
    costs = [figure for figure in config.figures if figure in HARDWARE]
    hardware = [enumeration(space, network, chosen) for chosen in space.designs.widths()]
    rng = np.random.default_rng(seed)
    branches = [
        Branch(Choices(space, network, own, costs), chosen, floor, rng)
        for floor, (own, chosen) in enumerate(zip(hardware, space.designs.widths(), strict=True))
    ]

    def score(tables, chosen):
        own = hardware[space.designs.widths().index(chosen)]
        row = own.best_rows(network.workload(tables))[:1]
        rate = float(own.costs(network.workload(tables), row).throughput_per_watt.iloc[0])
        return {**network.quality(tables, chosen), "throughput_per_watt": rate}

    return Proposer(branches, config.figures, (), rng), score


def test_no_widths_are_left_out(fake_network):
    proposer, score = _of_two_widths(fake_network(), 0)
    counts = {"int8": 0, "int16": 0}
    for _ in range(48):
        tables, chosen = proposer.propose()
        proposer.learn(tables, chosen, score(tables, chosen))
        counts[chosen["data_width"]] += 1
    assert min(counts.values()) >= 4 + 4  # of the opening, and every sixth of the others at least


def _apart(proposals):
    """In how many tables two proposals of the same widths differ, at least."""
    pairs = itertools.combinations(proposals, 2)
    return min(
        (sum(a[0][key] != b[0][key] for key in a[0]) for a, b in pairs if a[1] == b[1]),
        default=len(proposals),
    )


def test_what_is_being_scored_is_not_proposed_again_and_keeps_proposals_apart(fake_network):
    proposer, score = _of_two_widths(fake_network(), 0)
    under_way, apart = [], []
    for _ in range(60):
        while len(under_way) < 4:
            under_way.append(proposer.propose())
            proposer.expect(*under_way[-1])
        apart.append(_apart(under_way))
        tables, chosen = under_way.pop(0)
        proposer.learn(tables, chosen, score(tables, chosen))
    assert min(apart) >= 1  # of two functions
    assert np.mean(apart[8:]) > 1.0


def test_one_at_a_time_expects_nothing_that_changes_a_proposal(fake_network):
    proposals = []
    for expects in (False, True):
        proposer, score = _of_two_widths(fake_network(), 0)
        proposed = []
        for _ in range(20):
            tables, chosen = proposer.propose()
            if expects:
                proposer.expect(tables, chosen)
            proposer.learn(tables, chosen, score(tables, chosen))
            proposed.append((tables, chosen))
        proposals.append(proposed)
    assert proposals[0] == proposals[1]
