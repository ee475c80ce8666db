"""Fused steps compute what the nodes they stand for do."""

import copy

import pytest
import torch
from torch import nn

from approx.network import Approximation, ConvertedModule, convert
from approx.network.fuse import FusedLayerNorm, FusedSoftmax

Network = tuple[nn.Module, dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def converted(bert: Network) -> ConvertedModule:
    model, inputs = bert
    return convert(model, inputs, Approximation(16), calibration=[inputs])


def steps(module: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(m, kind) for m in module.modules())


def test_every_softmax_and_layer_norm_is_fused(converted: ConvertedModule) -> None:
    assert steps(converted, FusedSoftmax) == 2
    assert steps(converted, FusedLayerNorm) == 5


def test_the_certified_program_is_not_fused(converted: ConvertedModule) -> None:
    assert converted.program.certificate().functions == {
        "rsqrt": 5,
        "exp": 2,
        "reciprocal": 2,
        "gelu": 2,
        "tanh": 1,
    }


@pytest.mark.parametrize("gradients", [False, True])
def test_fused_and_unfused_agree(converted: ConvertedModule, bert: Network, gradients: bool) -> None:
    _, inputs = bert
    with torch.set_grad_enabled(gradients):
        fused = converted(**inputs).logits
        call = converted.program.call
        unfused = call.returned.filled(converted.program.graph_module(*call.inputs((), inputs))).logits
    torch.testing.assert_close(fused, unfused, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 8, 29, 64])
def test_native_softmax_is_its_steps_at_any_size(size: int) -> None:
    model = nn.Softmax(dim=-1)
    x = torch.randn(7, 5, size, generator=torch.Generator().manual_seed(0)) * 4
    converted = convert(model, (x,), Approximation(16, "curvature"), calibration=[(x,)])
    with torch.no_grad():
        torch.testing.assert_close(converted(x), converted.program.graph_module(x)[0], rtol=2e-6, atol=1e-7)


def test_softmax_over_another_dimension_or_layout() -> None:
    x = torch.randn(4, 6, 5)
    for dim in (0, 1, 2):
        converted = convert(nn.Softmax(dim=dim), (x,), calibration=[(x,)])
        unfused = converted.program.graph_module
        for layout in (x, x.transpose(1, 2).contiguous().transpose(1, 2)):
            with torch.no_grad():
                torch.testing.assert_close(converted(layout), unfused(layout)[0], rtol=2e-6, atol=1e-7)


def test_masked_scores_get_no_weight_and_nan_stays() -> None:
    x = torch.tensor([[0.5, -torch.inf, 1.0], [0.0, -3.4e38, 0.0], [torch.nan, 0.0, 1.0]])
    converted = convert(nn.Softmax(dim=-1), (x,), calibration=[(x[:2],)])
    with torch.no_grad():
        y = converted(x)
    assert y[:2, 1].tolist() == [0.0, 0.0]
    assert y[2].isnan().all()


def test_a_layer_norm_without_parameters_runs_unfused() -> None:
    model = nn.LayerNorm(8, elementwise_affine=False)
    x = torch.randn(5, 8)
    converted = convert(model, (x,), calibration=[(x,)])
    assert steps(converted, FusedLayerNorm) == 0
    torch.testing.assert_close(converted(x), model(x), atol=0.05, rtol=0.05)


def test_a_copy_has_its_own_tables(converted: ConvertedModule, bert: Network) -> None:
    _, inputs = bert
    work = converted.workload()
    twin = copy.deepcopy(converted)
    assert twin.workload() == work
    expected = converted(**inputs).logits
    twin.set_approximation(Approximation(2))
    torch.testing.assert_close(converted(**inputs).logits, expected)
    assert not torch.allclose(twin(**inputs).logits, expected)


def test_parameters_are_not_doubled(converted: ConvertedModule, bert: Network) -> None:
    model, _ = bert
    assert sum(p.numel() for p in converted.parameters()) == sum(p.numel() for p in model.parameters())
