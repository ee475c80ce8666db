"""Every rule: the legalized op, under the true functions, equals the op."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from approx.network import Approximation, convert, trace

SITES: dict[str, tuple[Callable[..., Any], dict[str, int]]] = {
    "gelu": (F.gelu, {"gelu": 1}),
    "gelu tanh": (lambda x: F.gelu(x, approximate="tanh"), {"gelu_tanh": 1}),
    "silu": (F.silu, {"silu": 1}),
    "silu in place": (lambda x: F.silu(x + 1, inplace=True), {"silu": 1}),
    "relu": (F.relu, {"relu": 1}),
    "leaky relu": (lambda x: F.leaky_relu(x, 0.2), {"leaky_relu(0.2)": 1}),
    "elu": (lambda x: F.elu(x, 0.5), {"elu(0.5)": 1}),
    "selu": (F.selu, {"selu": 1}),
    "hardswish": (F.hardswish, {"hardsigmoid": 1}),
    "softplus": (F.softplus, {"softplus": 1}),
    "softplus beta": (lambda x: F.softplus(x, beta=2.0), {"softplus": 1}),
    "log sigmoid": (F.logsigmoid, {"softplus": 1}),
    "mish": (F.mish, {"mish": 1}),
    "tanh": (torch.tanh, {"tanh": 1}),
    "sigmoid": (torch.sigmoid, {"sigmoid": 1}),
    "glu": (F.glu, {"sigmoid": 1}),
    "softmax": (lambda x: F.softmax(x, dim=-1), {"exp": 1, "reciprocal": 1}),
    "softmax over channels": (lambda x: F.softmax(x, dim=1), {"exp": 1, "reciprocal": 1}),
    "log softmax": (lambda x: F.log_softmax(x, dim=-1), {"exp": 1, "log": 1}),
    "division": (lambda x: x / (2 + x * x), {"reciprocal": 1}),
    "division by a constant": (lambda x: x / 3, {}),
    "constant minus": (lambda x: 1 - x, {}),
    "cube": (lambda x: x**3, {}),
    "inverse root": (lambda x: (x * x + 1) ** -0.5, {"rsqrt": 1}),
    "odd power": (lambda x: (x * x + 1) ** 1.7, {"pow(1.7)": 1}),
    "layer norm": (lambda x: F.layer_norm(x, (8,)), {"rsqrt": 1}),
    "rms norm": (lambda x: F.rms_norm(x, (8,)), {"rsqrt": 1}),
    "group norm": (lambda x: F.group_norm(x, 3), {"rsqrt": 1}),
    "instance norm": (lambda x: F.instance_norm(x), {"rsqrt": 1}),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x, x), {"exp": 1, "reciprocal": 1}),
    "causal attention": (
        lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
        {"exp": 1, "reciprocal": 1},
    ),
    "max pooling": (lambda x: F.max_pool2d(x, 2), {}),
    "average pooling": (lambda x: F.adaptive_avg_pool2d(x, (2, 4)), {}),
    "mean of all": (lambda x: x.mean() + x, {}),
    "smallest": (lambda x: x.amin(-1), {}),
}


@pytest.mark.parametrize("case", SITES)
def test_op_is_kept_and_its_sites_are_named(case: str, as_module: Callable[..., nn.Module]) -> None:
    function, expected = SITES[case]
    model = as_module(function)
    x = torch.randn(3, 6, 4, 8, generator=torch.Generator().manual_seed(0))
    converted = convert(model, (x,), Approximation.exact())
    torch.testing.assert_close(converted(x), model(x), rtol=1e-5, atol=1e-6)
    assert converted.program.certificate().functions == expected


def test_every_site_is_served_by_its_table(as_module: Callable[..., nn.Module]) -> None:
    x = torch.linspace(-4, 4, 401).reshape(1, -1).repeat(2, 1)
    converted = convert(as_module(F.gelu), (x,), Approximation(segments=16), calibration=[(x,)])
    table = converted.tables["gelu"]
    assert converted(x)[0].numpy() == pytest.approx(table(x[0].double().numpy()), abs=1e-6)
    assert 0 < (converted(x) - F.gelu(x)).abs().max() <= table.max_error() + 1e-6


def test_a_batch_norm_without_a_convolution_becomes_scale_and_shift() -> None:
    model = nn.BatchNorm1d(5).eval()
    nn.init.uniform_(model.running_mean)
    nn.init.uniform_(model.running_var)
    x = torch.randn(4, 5)
    program = trace(model, (x,))
    assert program.certificate().counts == {"gemm": 0, "hadamard": 2, "lookup": 0, "move": 0, "host": 0}
    torch.testing.assert_close(convert(model, (x,))(x), model(x))


def test_a_batch_norm_is_folded_into_its_convolution() -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)).eval()
    nn.init.uniform_(model[1].running_mean)
    x = torch.randn(2, 2, 5, 5)
    converted = convert(model, (x,))
    assert converted.program.certificate().counts["hadamard"] == 0
    torch.testing.assert_close(converted(x), model(x), rtol=1e-5, atol=1e-6)


def test_a_convolution_with_two_readers_keeps_its_filters() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.convolution(x)
            return y + self.norm(y)

    model = Branching().eval()
    nn.init.uniform_(model.norm.running_mean)
    x = torch.randn(2, 2, 5, 5)
    torch.testing.assert_close(convert(model, (x,))(x), model(x), rtol=1e-5, atol=1e-6)


def test_a_masked_attention_never_reads_what_is_masked() -> None:
    class Masked(nn.Module):
        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return F.scaled_dot_product_attention(x, x, x, attn_mask=mask)

    x, mask = torch.randn(2, 1, 5, 4), torch.ones(2, 1, 5, 5, dtype=torch.bool).tril()
    converted = convert(Masked(), (x, mask), Approximation(segments=16), calibration=[(x, mask)])
    changed = x.clone()
    changed[:, :, -1] += 100.0
    torch.testing.assert_close(converted(changed, mask)[:, :, :-1], converted(x, mask)[:, :, :-1])
