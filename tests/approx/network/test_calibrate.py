import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from approx.cpwl import get_function
from approx.network.calibrate import Histogram, calibrated_domain


def test_counts_and_range_are_those_of_the_inputs() -> None:
    x = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    histogram = Histogram()
    for part in x.split(999):
        histogram.update(part)
    assert histogram.total == 10_000
    assert (histogram.lowest, histogram.highest) == (x.min().item(), x.max().item())


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=50))
def test_every_input_is_counted_in_the_bin_that_holds_it(values: list[float]) -> None:
    histogram = Histogram()
    histogram.update(torch.tensor(values))
    density = histogram.density((-2 * abs(min(values)) - 1.0, 2 * abs(max(values)) + 1.0))
    assert density is not None
    assert density.edges.size < 700
    assert density.counts.sum() == len(values)
    for value in values:
        above = int(np.searchsorted(density.edges, value, side="right"))
        below = int(np.searchsorted(density.edges, value, side="left"))
        holding = density.counts[max(below - 1, 0) : above]  # both neighbours where it lies on an edge
        assert holding.sum() > 0


def test_a_domain_without_inputs_has_no_density() -> None:
    histogram = Histogram()
    histogram.update(torch.tensor([5.0]))
    assert histogram.density((0.0, 1.0)) is None


def test_masked_scores_do_not_stretch_the_domain() -> None:
    histogram = Histogram()
    histogram.update(torch.tensor([-torch.inf, -3.4e38, -1e4, -5.0, -1.0, 0.0]))
    assert histogram.lowest == pytest.approx(-3.4e38)
    low, high = calibrated_domain(get_function("exp"), (histogram.lowest, histogram.highest))
    assert -20 < low < -10
    assert high == 0


def test_a_range_inside_the_curve_is_kept() -> None:
    assert calibrated_domain(get_function("gelu"), (-1.5, 2.0)) == (-1.5, 2.0)
    assert calibrated_domain(get_function("rsqrt"), (0.002, 0.03)) == (0.002, 0.03)


@pytest.mark.parametrize("function", ["gelu", "exp", "reciprocal", "tanh", "relu"])
@pytest.mark.parametrize("seen", [(1.0, 1.0), (25.0, 30.0)])
def test_a_domain_is_never_empty(function: str, seen: tuple[float, float]) -> None:
    low, high = calibrated_domain(get_function(function), seen)
    assert low < high


def test_nan_is_counted_nowhere_in_the_range() -> None:
    histogram = Histogram()
    histogram.update(torch.tensor([float("nan"), 1.0, 2.0]))
    assert (histogram.lowest, histogram.highest) == (1.0, 2.0)


@pytest.mark.parametrize("clip", [0.001, 0.01, 0.1, 0.4])
def test_clipping_leaves_out_at_most_its_share_at_each_end(clip: float) -> None:
    x = torch.randn(100_000, generator=torch.Generator().manual_seed(0)) + 1
    histogram = Histogram()
    histogram.update(x)
    span = histogram.span(clip)
    assert span is not None
    for outside, quantile in (((x < span[0]).double().mean(), clip), ((x > span[1]).double().mean(), clip)):
        assert outside <= quantile
    low, high = torch.quantile(x, torch.tensor([clip, 1 - clip])).tolist()
    bin_width = 0.008  # of a bfloat16, relative
    assert span == (pytest.approx(low, rel=bin_width, abs=1e-3), pytest.approx(high, rel=bin_width))


def test_an_outlier_is_clipped_away() -> None:
    histogram = Histogram()
    histogram.update(torch.cat([torch.rand(10_000), torch.tensor([1e6, -1e6])]))
    assert histogram.span() == (-1e6, 1e6)
    low, high = histogram.span(0.001) or (0.0, 0.0)
    assert 0 <= low < 0.01
    assert 0.98 < high <= 1


def test_nothing_seen_has_no_span() -> None:
    histogram = Histogram()
    histogram.update(torch.tensor([float("nan"), float("inf")]))
    assert histogram.span() is None
