import numpy as np
import pytest

from dse.metrics import HARDWARE
from dse.search.bayes.acquisition import Acquisition, linear
from dse.search.bayes.branch import BETA, Branch
from dse.search.bayes.choices import Choices
from dse.search.bayes.model import Model
from dse.search.nested import enumeration
from dse.space import Space
from dse.study_file import parse

TEXT = """
[approximation]
segments = [2, 4, 8, 16, 32]
placement = ["uniform", "minimax"]
bias = ["none", "minimax"]
[hardware]
rows = [4, 8]
parameter_buffer = [512, 1024]
"""


def _offers(branch, model, best, beta=0.0):
    """Return the points of each choice that is offered."""
    return {
        tuple(choice): points
        for offer in branch.offers(model, best, Acquisition(linear, beta))
        for choice, points in zip(offer.choices.tolist(), offer.points, strict=True)
    }


@pytest.fixture
def branch(fake_network):
    config, network = parse(TEXT), fake_network()
    space = Space(config, network.functions, network.sites)
    costs = [figure for figure in config.figures if figure in HARDWARE]
    choices = Choices(space, network, enumeration(space, network), costs)
    return Branch(choices, {}, 0, np.random.default_rng(0))


@pytest.fixture
def model(branch):
    for number, choice in enumerate(branch.choices.opening):
        branch.learn(choice, 1e-3 * (number + 1))
    model = Model(branch.choices, 1)
    model.fit([branch.evaluations()])
    return model


def test_nothing_is_offered_before_anything_was_scored(branch):
    assert branch.offers(None, [], Acquisition(linear, 0.0)) == []


def test_what_was_asked_for_is_not_offered_again(branch, model):
    offers = _offers(branch, model, branch.choices.opening[:1])
    assert offers
    assert not offers.keys() & set(branch.choices.opening)


def test_what_differs_from_the_best_in_one_table_is_offered(branch, model):
    best = branch.choices.opening[:1]
    offers = _offers(branch, model, best)
    near = {tuple(choice) for choice in branch.choices.changed(np.array(best)).tolist()}
    assert near - set(branch.choices.opening) <= offers.keys()


def test_luck_makes_losses_less_and_leaves_costs(branch, model):
    plain, lucky = (_offers(branch, model, [], luck) for luck in (0.0, 3.0))
    assert plain.keys() == lucky.keys()
    for choice, points in plain.items():
        assert (lucky[choice][:, 0] > points[:, 0]).all()
        assert (lucky[choice][:, 1:] == points[:, 1:]).all()


def _losses(branch, model):
    return {choice: points[0, 0] for choice, points in _offers(branch, model, []).items()}


def test_draws_stay_until_it_is_to_look_again_and_the_model_was_fitted(branch, model):
    first = _losses(branch, model)
    assert _losses(branch, model) == first
    branch.look_again()
    assert _losses(branch, model) == first
    model.fit([branch.evaluations()])
    second = _losses(branch, model)
    assert second != first
    model.fit([branch.evaluations()])
    assert _losses(branch, model) == second


def test_while_draws_stay_what_is_asked_for_is_taken_out(branch, model):
    first = _losses(branch, model)
    tried = next(iter(first))
    branch.learn(tried, 1e-3)
    assert _losses(branch, model) == {choice: loss for choice, loss in first.items() if choice != tried}


def test_where_all_that_it_drew_was_asked_for_it_draws_again(branch, model, monkeypatch):
    monkeypatch.setattr("dse.search.bayes.branch.SAMPLE", 8)
    first = _losses(branch, model)
    for choice in first:
        branch.learn(choice, None)
    again = _losses(branch, model)
    assert again
    assert not again.keys() & first.keys()


def test_the_most_promising_are_looked_at_again_until_they_were_tried(branch, model):
    offers = _offers(branch, model, [])
    kept = set(map(tuple, branch._kept.tolist()))
    assert kept <= offers.keys()
    tried = next(iter(kept))
    branch.learn(tried, None)
    assert kept - {tried} <= _offers(branch, model, []).keys()


def test_of_each_addressing_unit_the_most_promising_are_those_of_least_loss_with_luck(branch, model):
    _offers(branch, model, [])
    view = branch._view
    lucky = view.losses.lower_bound(BETA)
    known = dict(zip(map(tuple, view.choices.tolist()), zip(lucky, view.units, strict=True), strict=True))
    chosen = [known[tuple(choice)] for choice in view.promising(3).tolist()]
    for unit in set(view.units.tolist()):
        least = np.sort(lucky[view.units == unit])[:3].tolist()
        assert [hoped for hoped, of in chosen if of == unit] == least


def test_the_least_unit_that_serves_is_found_and_none_is_one_beyond_the_last(branch):
    units = branch.choices.units
    for number, unit in enumerate(units):
        assert branch.choices.least_units(np.array([unit.standard]))[0] == number
    most = np.array([units.pop().standard])
    assert branch.choices.least_units(most)[0] == len(units)
