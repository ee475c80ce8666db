import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approx.cpwl import Density, get_function
from approx.cpwl.least_squares import best_lines, best_values, refine_knots, segment_errors
from approx.cpwl.panels import Grid
from approx.cpwl.target import Target

SAMPLES = np.random.default_rng(0).normal(size=5000)


def target(name: str, error: str = "absolute", weighted: bool = False) -> Target:
    function = get_function(name)
    density = Density.from_samples(np.clip(SAMPLES, *function.domain)) if weighted else None
    return Target(function, *function.domain, error, density)


def squared_error(problem: Target, knots: np.ndarray, values: np.ndarray) -> float:
    """The weighted squared error of a continuous table, summed over very many points."""
    edges = np.unique(np.concatenate((knots, np.linspace(problem.lo, problem.hi, 400_001))))
    x, width = 0.5 * (edges[:-1] + edges[1:]), np.diff(edges)
    true = problem.function(x)
    error = (np.interp(x, knots, values) - true) / problem.scale(true)
    return float((problem.weight(x) * error**2 * width).sum())


@pytest.mark.parametrize(("name", "error"), [("gelu", "absolute"), ("tanh", "absolute"), ("exp", "relative")])
@pytest.mark.parametrize("weighted", [False, True])
def test_refined_knots_have_the_error_that_is_stated(name: str, error: str, weighted: bool) -> None:
    problem = target(name, error, weighted)
    start = np.linspace(problem.lo, problem.hi, 8)
    (knots,), (stated,) = refine_knots(problem, start[None])
    values = best_values(problem, knots)
    assert stated == pytest.approx(squared_error(problem, knots, values), rel=1e-3)
    assert stated <= squared_error(problem, start, best_values(problem, start)) * (1 + 1e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-7.99, 7.99), min_size=1, max_size=30, unique=True), st.booleans())
def test_panels_cut_at_knots_cover_the_domain_once(inner: list[float], weighted: bool) -> None:
    problem = target("gelu", weighted=weighted)
    knots = np.array([problem.lo, *sorted(inner), problem.hi])
    rows = np.stack([knots, np.linspace(problem.lo, problem.hi, knots.size)])
    panels, segment = Grid.of(problem).cut(problem, rows)
    whole = Grid.of(problem).panels.weight.sum()
    np.testing.assert_allclose(panels.weight.sum(axis=1), whole, rtol=1e-9)
    used = panels.weight > 0
    for row, at in zip(range(2), segment, strict=True):
        centre, mine = panels.centre[row][used[row]], at[used[row]]
        assert np.all(rows[row][mine] <= centre)
        assert np.all(centre <= rows[row][mine + 1])


def test_a_row_is_worked_on_as_if_it_were_alone() -> None:
    problem = target("silu")
    starts = np.stack([np.linspace(problem.lo, problem.hi, 10), np.sort(np.r_[-8.0, 8.0, SAMPLES[:8]])])
    together = segment_errors(problem, starts)
    for row, errors in zip(starts, together, strict=True):
        np.testing.assert_allclose(segment_errors(problem, row[None])[0], errors, rtol=1e-9)
    found, errors = refine_knots(problem, starts)
    best = int(errors.argmin())
    np.testing.assert_allclose(refine_knots(problem, starts[best : best + 1])[1], errors[best], rtol=1e-6)
    assert found.shape == starts.shape


def test_best_lines_err_less_than_others() -> None:
    problem = target("tanh")
    knots = np.linspace(problem.lo, problem.hi, 6)
    left, right = best_lines(problem, knots)
    stated = segment_errors(problem, knots[None])[0]
    for i in range(5):
        x = np.linspace(knots[i], knots[i + 1], 20_001)
        at, weight = (x - knots[i]) / (knots[i + 1] - knots[i]), problem.weight(x)

        def error(a: float, b: float) -> float:
            return float(np.trapezoid(weight * (a * (1 - at) + b * at - problem.function(x)) ** 2, x))  # noqa: B023

        assert error(left[i], right[i]) == pytest.approx(stated[i], rel=1e-4, abs=1e-12)
        assert all(error(left[i] + d, right[i] - d) > stated[i] for d in (-1e-2, 1e-2))
