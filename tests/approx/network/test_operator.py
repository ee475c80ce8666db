import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from approx.cpwl import fit
from approx.network.operator import IndexMap, cpwl, native, reference
from approx.network.site import SiteModule

FUNCTIONS = ["exp", "gelu", "silu", "tanh", "reciprocal", "rsqrt", "sigmoid"]


def served(function: str, **settings: object) -> tuple[SiteModule, object]:
    table = fit(function, **{"segments": 16, "placement": "minimax", "bias": "minimax", **settings})
    site = SiteModule(function, function)
    site.set_table(table)
    return site, table


@pytest.mark.parametrize("placement", ["uniform", "dyadic", "curvature", "minimax"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_operator_is_the_table(function: str, placement: str) -> None:
    site, table = served(function, placement=placement)
    low, high = table.domain
    x = np.linspace(low - 1 if low < 0 else low / 2, high + 1, 10_001, dtype=np.float32)
    y = site(torch.from_numpy(x)).numpy()
    knots32 = np.float32(table.knots)
    safe = np.abs(x[:, None] - knots32).min(1) > 1e-6 * np.abs(x)  # float32 knots may sit an ulp aside
    scale = np.abs(table.slopes).max() * np.abs(x) + np.abs(table(x.astype(np.float64))) + 1
    assert np.all(np.abs(y - table(x.astype(np.float64)))[safe] <= 4e-7 * scale[safe] * 4)


@pytest.mark.parametrize("value", [-torch.inf, -3.4e38, -1e4])
def test_exp_of_a_masked_score_is_zero(value: float) -> None:
    site, _ = served("exp")
    assert site(torch.tensor([value])).item() == 0.0


def test_gelu_follows_its_asymptotes_to_the_end_of_float32() -> None:
    site, _ = served("gelu")
    x = torch.tensor([-1e30, 1e30, -torch.inf])
    assert site(x).tolist() == [0.0, x[1].item(), 0.0]


def test_nan_stays_nan() -> None:
    for function in FUNCTIONS:
        site, _ = served(function)
        assert site(torch.tensor([float("nan")])).isnan().all(), function


def test_gradients_are_the_slopes() -> None:
    site, table = served("gelu", segments=8)
    middles = torch.tensor((table.knots[:-1] + table.knots[1:]) / 2, dtype=torch.float32, requires_grad=True)
    site(middles).sum().backward()
    assert middles.grad is not None
    np.testing.assert_allclose(middles.grad.numpy(), table.slopes, rtol=1e-6)


def test_an_exact_function_keeps_its_values() -> None:
    x = torch.randn(1000)
    for function, true in (("relu", torch.relu), ("abs", torch.abs)):
        site, table = served(function)
        torch.testing.assert_close(site(x), true(x), rtol=0, atol=0)
        np.testing.assert_array_equal(table(x.numpy()), true(x).numpy())


def test_the_extension_was_built() -> None:
    assert native.AVAILABLE


KNOTS = st.lists(st.floats(-(2.0**40), 2.0**40, width=32), min_size=2, max_size=40, unique=True)


@given(KNOTS, st.lists(st.floats(width=32), max_size=40))
def test_native_and_reference_agree_for_any_knots(knots: list[float], extra: list[float]) -> None:
    t = torch.tensor(sorted(knots))
    neighbours = [torch.nextafter(t, torch.full_like(t, side)) for side in (-torch.inf, torch.inf)]
    x = torch.cat([t, *neighbours, torch.tensor(extra), torch.tensor([torch.nan, torch.inf, -torch.inf])])
    # line i is the constant i, so that the value is the index
    lines = torch.stack([torch.zeros(len(t) + 1), torch.arange(len(t) + 1.0)], dim=1)
    index = IndexMap.build(t)
    assert index is not None
    torch.testing.assert_close(
        native.cpwl(x, lines, index), reference.cpwl(x, t, lines), rtol=0, atol=0, equal_nan=True
    )


@pytest.mark.parametrize("segments", [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 300])
@pytest.mark.parametrize("wide", [False, True])
def test_every_path_finds_the_same_line(segments: int, wide: bool) -> None:
    generator = torch.Generator().manual_seed(segments)
    knots = torch.randn(segments + 1, generator=generator).sort().values
    knots = torch.exp(8 * knots).sort().values if wide else knots
    ends = [knots.min() - 1, knots.max() + 1]
    x = torch.cat([knots, torch.nextafter(knots, knots - 1), torch.stack(ends), torch.tensor([torch.inf])])
    x = torch.cat([x, x.flip(0), torch.randn(2000, generator=generator) * knots.abs().max()])
    lines = torch.stack([torch.zeros(segments + 2), torch.arange(segments + 2.0)], dim=1)
    index = IndexMap.build(knots)
    assert index is not None
    expected = reference.cpwl(x, knots, lines)
    torch.testing.assert_close(native.cpwl(x, lines, index), expected, rtol=0, atol=0)
    one_by_one = torch.cat([native.cpwl(each, lines, index) for each in x[:200].split(1)])
    torch.testing.assert_close(one_by_one, expected[:200], rtol=0, atol=0)
    counted = lines.clone().requires_grad_()
    native.cpwl(x, counted, index).sum().backward()
    assert counted.grad is not None
    assert counted.grad[:, 1].tolist() == torch.bincount(expected.long(), minlength=segments + 2).tolist()


@pytest.mark.parametrize("placement", ["uniform", "minimax"])
@pytest.mark.parametrize("function", ["gelu", "rsqrt"])
def test_native_and_reference_give_the_same_values_and_gradients(function: str, placement: str) -> None:
    site, table = served(function, placement=placement, segments=64)
    x = torch.linspace(table.domain[0], table.domain[1], 100_003)
    results = []
    for index in (site.index, None):
        inputs, lines = x.clone().requires_grad_(), site.lines.clone().requires_grad_()
        y = cpwl(inputs, site.knots, lines, index)
        y.backward(torch.cos(x))
        results.append((y.detach(), inputs.grad, lines.grad))
    (y, to_x, to_lines), (y_r, to_x_r, to_lines_r) = results
    torch.testing.assert_close(y, y_r, rtol=3e-7, atol=1e-6)
    torch.testing.assert_close(to_x, to_x_r, rtol=0, atol=0)
    torch.testing.assert_close(to_lines, to_lines_r, rtol=1e-3, atol=1e-3)


def test_layouts_do_not_matter() -> None:
    site, _ = served("gelu")
    x = torch.randn(2, 8, 6, 10)
    expected = site(x)
    torch.testing.assert_close(site(x.to(memory_format=torch.channels_last)), expected, rtol=0, atol=0)
    torch.testing.assert_close(site(x.transpose(1, 3)).transpose(1, 3), expected, rtol=0, atol=0)


def test_threads_do_not_matter() -> None:
    site, _ = served("gelu")
    x = torch.randn(1_000_001)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = site(x)
        torch.set_num_threads(1)
        torch.testing.assert_close(two, site(x), rtol=0, atol=0)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.skipif(not native.AVAILABLE, reason="the extension was not built")
@pytest.mark.parametrize("way", native.WAYS)
@pytest.mark.parametrize("segments", [1, 2, 15, 16, 17, 32, 33, 48, 64, 65, 127, 128, 129, 256])
def test_every_way_gives_the_same_values_and_gradients(way: str, segments: int) -> None:
    module = SiteModule("gelu", "gelu")
    module.set_table(fit("gelu", segments=segments))
    index = IndexMap.build(module.knots, way)
    assert index is not None
    at = torch.cat([module.knots, torch.nextafter(module.knots, torch.tensor(-torch.inf))])
    ends = torch.tensor([torch.inf, -torch.inf, 3e38, -3e38, 0.0])
    x = torch.cat([torch.linspace(-9, 9, 501), at, ends])
    results = []
    for evaluate in (
        lambda x: native.cpwl(x, module.lines, index),
        lambda x: cpwl(x, module.knots, module.lines),
    ):
        given_x = x.clone().requires_grad_()
        y = evaluate(given_x)
        finite = torch.isfinite(given_x)
        y[finite].sum().backward()
        results.append((y.detach(), given_x.grad))
    torch.testing.assert_close(results[0], results[1], rtol=1e-6, atol=1e-6)


@pytest.mark.skipif(not native.AVAILABLE, reason="the extension was not built")
def test_a_map_takes_the_way_that_a_trial_found_fastest() -> None:
    module = SiteModule("gelu", "gelu")
    module.set_table(fit("gelu", segments=48))
    assert module.index is not None
    assert module.index.way == native.fastest(64, False)
    assert native.fastest(64, False) in native.WAYS
