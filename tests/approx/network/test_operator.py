import numpy as np
import pytest
import torch

from approx.cpwl import fit
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
