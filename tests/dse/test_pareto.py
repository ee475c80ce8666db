import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dse.pareto import hypervolume, knee, non_dominated

POINTS = arrays(float, st.tuples(st.integers(0, 30), st.just(2)), elements=st.integers(0, 9).map(float))


@given(POINTS)
def test_the_front_is_what_the_definition_says(points):
    beaten = [any((q >= p).all() and (q > p).any() for q in points) for p in points]
    assert non_dominated(points).tolist() == [not b for b in beaten]


@given(POINTS)
def test_the_hypervolume_counts_the_cells_below_the_front(points):
    cells = sum(any(x < px and y < py for px, py in points) for x in range(9) for y in range(9))
    assert hypervolume(points, np.zeros(2)) == pytest.approx(cells)


def test_the_knee_is_the_point_farthest_above_the_line_between_the_ends():
    assert knee(np.array([[0.0, 10.0], [4.0, 9.0], [6.0, 5.0], [10.0, 0.0]])) == 1


@given(POINTS.filter(len), st.floats(0.01, 100), st.floats(-50, 50))
def test_the_knee_does_not_depend_on_units(points, scale, shift):
    front = np.unique(points[non_dominated(points)], axis=0)
    low, high = front.min(axis=0), front.max(axis=0)
    heights = np.sort(((front - low) / np.where(high > low, high - low, 1)).sum(axis=1))
    if len(heights) == 1 or heights[-1] - heights[-2] > 1e-6:  # one clear knee
        assert knee(front * [scale, 1] + [shift, 0]) == knee(front)


def test_a_front_of_one_has_a_knee():
    assert knee(np.array([[1.0, 2.0]])) == 0
