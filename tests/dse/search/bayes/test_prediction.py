import numpy as np
import pytest

from dse.search.bayes.prediction import Prediction


def test_luck_makes_losses_less_and_boldness_counts_what_is_open():
    told = Prediction(np.array([-7.0, -6.0]), np.array([0.3, 0.1]), np.array([0.4, 0.0]))
    assert told.lower_bound(0.0).tolist() == [-7.0, -6.0]
    assert told.lower_bound(2.0) == pytest.approx([-7.6, -6.2])
    assert told.lower_bound(2.0, bold=True) == pytest.approx([-8.0, -6.2])


def test_two_are_one_after_the_other():
    one, other = (Prediction(*np.full((3, n), float(n))) for n in (1, 2))
    assert (one | other).mean.tolist() == [1.0, 2.0, 2.0]
    assert (one | other).open.tolist() == [1.0, 2.0, 2.0]
