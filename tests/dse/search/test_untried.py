import numpy as np

from dse.search.untried import LISTED, text, untried

AXES = {"a": (1, 2, 3), "b": ("x", "y")}


def test_all_points_come_once_and_then_none():
    rng, known = np.random.default_rng(0), set()
    while (point := untried(AXES, known, rng)) is not None:
        assert text(point) not in known
        known.add(text(point))
    assert len(known) == 6


def test_points_that_differ_in_what_does_not_apply_are_one():
    def asked_for(point):
        return point if point["a"] == 1 else {"a": point["a"]}

    rng, known = np.random.default_rng(0), set()
    while (point := untried(AXES, known, rng, asked_for)) is not None:
        known.add(text(point))
    assert known == {text(p) for p in ({"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2}, {"a": 3})}


def test_a_large_space_is_not_listed():
    axes = {str(i): tuple(range(10)) for i in range(12)}
    assert LISTED < 10**12
    point = untried(axes, set(), np.random.default_rng(0))
    assert set(point) == set(axes)
    assert untried(axes, {text(point)}, np.random.default_rng(0)) != point
