import numpy as np
import pytest

from dse.search.bayes.acquisition import linear, logarithmic, most_promising


def _best(choices, scale):
    """Return which of some choices, (designs, 2) each, promises most."""
    found = most_promising([own[None] for own in choices], FRONT, scale)
    return found if found is None else found[0]


FRONT = np.array([[-1e-2, 10.0], [-1e-6, 5.0]])


def test_the_choice_that_adds_most_hypervolume_is_the_most_promising():
    choices = [np.array([[-1e-3, 7.0]]), np.array([[-1e-3, 8.0]]), np.array([[-2e-2, 9.0]])]
    assert _best(choices, linear) == 1


def test_designs_of_one_choice_count_together():
    choices = [np.array([[-5e-3, 9.0]]), np.array([[-5e-3, 8.9], [-1e-3, 7.0]])]
    assert _best(choices, linear) == 1


@pytest.mark.parametrize(("scale", "best"), [(linear, 0), (logarithmic, 1)])
def test_a_scale_says_where_losses_count(scale, best):
    choices = [np.array([[-1e-3, 7.0]]), np.array([[-1e-9, 5.6]])]
    assert _best(choices, scale) == best


@pytest.mark.parametrize(
    "choices", [[], [np.array([[-1e-2, 10.0]])], [np.array([[-1.0, 1.0], [-1e-6, 4.0]])]]
)
def test_what_the_front_has_promises_nothing(choices):
    assert _best(choices, linear) is None


def test_it_is_told_by_its_offer_and_its_place_there():
    offers = [
        np.array([[[-1e-3, 7.0]], [[-1e-3, 7.5]]]),
        np.array([[[-1e-3, 7.2]], [[-1e-3, 8.0]], [[-1.0, 1.0]]]),
    ]
    assert most_promising(offers, FRONT, linear) == (1, 1)
    assert most_promising([np.empty((0, 3, 2)), *offers], FRONT, linear) == (2, 1)
