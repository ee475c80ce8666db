import numpy as np
import pytest

from dse.search.promise import linear, logarithmic, most_promising

FRONT = np.array([[-1e-2, 10.0], [-1e-6, 5.0]])


def test_the_choice_that_adds_most_hypervolume_is_the_most_promising():
    choices = [np.array([[-1e-3, 7.0]]), np.array([[-1e-3, 8.0]]), np.array([[-2e-2, 9.0]])]
    assert most_promising(choices, FRONT, linear) == 1


def test_designs_of_one_choice_count_together():
    choices = [np.array([[-5e-3, 9.0]]), np.array([[-5e-3, 8.9], [-1e-3, 7.0]])]
    assert most_promising(choices, FRONT, linear) == 1


@pytest.mark.parametrize(("scale", "best"), [(linear, 0), (logarithmic, 1)])
def test_a_scale_says_where_losses_count(scale, best):
    choices = [np.array([[-1e-3, 7.0]]), np.array([[-1e-9, 5.6]])]
    assert most_promising(choices, FRONT, scale) == best


@pytest.mark.parametrize(
    "choices", [[], [np.array([[-1e-2, 10.0]])], [np.array([[-1.0, 1.0], [-1e-6, 4.0]])]]
)
def test_what_the_front_has_promises_nothing(choices):
    assert most_promising(choices, FRONT, linear) is None
