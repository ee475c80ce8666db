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
    "average of more than all": (lambda x: F.avg_pool2d(x, 20, ceil_mode=True), {}),
    "average past the end": (lambda x: F.avg_pool2d(x, 3, 2, ceil_mode=True), {}),
    "average without the padding": (lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), {}),
    "average of one axis past the end": (lambda x: F.avg_pool1d(x[:, 0], 3, 2, 1, ceil_mode=True), {}),
    "average by another divisor": (lambda x: F.avg_pool2d(x, 2, divisor_override=3), {}),
    "mean of all": (lambda x: x.mean() + x, {}),
    "smallest": (lambda x: x.amin(-1), {}),
    # activations
    "relu in place": (lambda x: F.relu_(x * 2), {"relu": 1}),
    "relu6": (F.relu6, {"relu6": 1}),
    "hard tanh": (F.hardtanh, {}),
    "hard tanh as relu6": (lambda x: F.hardtanh(x, 0.0, 6.0), {"relu6": 1}),
    "hard sigmoid": (F.hardsigmoid, {"hardsigmoid": 1}),
    "celu": (lambda x: F.celu(x, 0.5), {"elu": 1}),
    "scaled elu": (lambda x: torch.ops.aten.elu(x, 0.5, 2.0, 3.0), {"elu(0.5)": 1, "relu": 1}),
    "rrelu": (lambda x: F.rrelu(x), {f"leaky_relu({(1 / 8 + 1 / 3) / 2})": 1}),
    "prelu": (lambda x: F.prelu(x, torch.linspace(-0.5, 0.5, 6)), {"relu": 1}),
    "softmin": (lambda x: F.softmin(x, dim=-1), {"exp": 1, "reciprocal": 1}),
    "softsign": (F.softsign, {"abs": 1, "reciprocal": 1}),
    "tanh shrink": (F.tanhshrink, {"tanh": 1}),
    "soft shrink": (F.softshrink, {}),
    "threshold": (lambda x: F.threshold(x, 0.25, 0.25), {}),
    "geglu": (lambda x: x[..., :4] * F.gelu(x[..., 4:]), {"gelu": 1}),
    "swiglu": (lambda x: F.silu(x.chunk(2, -1)[0]) * x.chunk(2, -1)[1], {"silu": 1}),
    "dropout": (lambda x: 2 * F.dropout(x, 0.5, training=False), {}),
    "cosine": (torch.cos, {"cos": 1}),
    # powers, exponentials, logarithms
    "square": (torch.square, {}),
    "ninth power": (lambda x: x**9, {"pow(9.0)": 1}),
    "power of a constant": (lambda x: 2**x, {"exp": 1}),
    "exp2": (torch.exp2, {"exp": 1}),
    "expm1": (torch.expm1, {"exp": 1}),
    "log1p": (lambda x: torch.log1p(x * x), {"log": 1}),
    "log2": (lambda x: torch.log2(x * x + 1), {"log": 1}),
    "log10": (lambda x: torch.log10(x * x + 1), {"log": 1}),
    "logit": (lambda x: torch.logit(x, eps=0.1), {"log": 2}),
    "erfc": (torch.erfc, {"erf": 1}),
    "sinh": (torch.sinh, {"exp": 2}),
    "cosh": (torch.cosh, {"exp": 2}),
    "logsumexp": (lambda x: x.logsumexp(-1), {"exp": 1, "log": 1}),
    "logsumexp over two": (lambda x: x.logsumexp((1, 3), keepdim=True), {"exp": 1, "log": 1}),
    "logaddexp": (lambda x: torch.logaddexp(x, -x), {"abs": 1, "softplus": 1}),
    # limits
    "absolute value": (torch.abs, {"abs": 1}),
    "clamp": (lambda x: x.clamp(-0.5, 0.7), {}),
    "clamp from below": (lambda x: x.clamp(min=0.1), {}),
    "clamp from above": (lambda x: x.clamp_max(0.1), {}),
    "clamp by tensors": (lambda x: x.clamp(-x * x, x * x), {}),
    "larger": (lambda x: torch.maximum(x, x.flip(1)), {}),
    "smaller": (lambda x: torch.min(x, x.flip(1)), {}),
    # arithmetic
    "division by a parameter-like tensor": (lambda x: x / torch.arange(1.0, 9.0), {}),
    "number over": (lambda x: 3 / (x * x + 1), {"reciprocal": 1}),
    "division in place": (lambda x: (x + 1).div_(2), {}),
    "power in place": (lambda x: (x + 1).pow_(2), {}),
    "addcmul": (lambda x: torch.addcmul(x, x, x, value=0.5), {}),
    "addcdiv": (lambda x: torch.addcdiv(x, x, x * x + 1, value=0.5), {"reciprocal": 1}),
    "lerp": (lambda x: torch.lerp(x, x.flip(1), 0.3), {}),
    "add alpha": (lambda x: torch.add(x, x.flip(1), alpha=3), {}),
    "rsub alpha": (lambda x: torch.rsub(x, 2.0, alpha=3), {}),
    # products
    "einsum": (lambda x: torch.einsum("bchw,bdhw->bcd", x, x), {}),
    "einsum to a sum": (lambda x: torch.einsum("bchw->bc", x), {}),
    "matmul": (lambda x: x @ x.transpose(-1, -2), {}),
    "matmul of a vector": (lambda x: x @ torch.arange(8.0), {}),
    "baddbmm": (lambda x: torch.baddbmm(x[:, 0], x[:, 1, :, :4], x[:, 2], beta=0.5, alpha=2), {}),
    "outer": (lambda x: torch.outer(x[:, 0, 0, 0], x[0, 0, 0]), {}),
    "tensordot": (lambda x: torch.tensordot(x, torch.ones(4, 8, 3), 2), {}),
    "bilinear": (lambda x: F.bilinear(x, x, torch.ones(3, 8, 8)), {}),
    # reductions
    "sum": (lambda x: x.sum(), {}),
    "sum of two": (lambda x: x.sum((1, 2)), {}),
    "largest": (lambda x: x.max(-1).values, {}),
    "largest with its place": (lambda x: x.max(1), {}),
    "smallest with keepdim": (lambda x: x.min(1, keepdim=True)[0], {}),
    "largest of all": (lambda x: x.max() + x, {}),
    "both extremes": (lambda x: torch.aminmax(x, dim=1), {}),
    "variance": (lambda x: x.var(-1), {}),
    "variance of two": (lambda x: x.var((1, 3), unbiased=False, keepdim=True), {}),
    "deviation": (lambda x: x.std(1, correction=2), {"sqrt": 1}),
    "variance and mean": (lambda x: torch.var_mean(x, 1), {}),
    "deviation and mean": (lambda x: torch.std_mean(x, (1, 2), keepdim=True), {"sqrt": 1}),
    "norm": (lambda x: x.norm(dim=-1), {"sqrt": 1}),
    "norm of all": (lambda x: x.norm(), {"sqrt": 1}),
    "1-norm": (lambda x: torch.linalg.vector_norm(x, 1, dim=1), {"abs": 1}),
    "3-norm": (lambda x: torch.linalg.vector_norm(x, 3, dim=1), {"abs": 1, f"pow({1 / 3})": 1}),
    "infinite norm": (lambda x: torch.linalg.vector_norm(x, float("inf"), dim=1), {"abs": 1}),
    "normalize": (lambda x: F.normalize(x, dim=1), {"sqrt": 1, "reciprocal": 1}),
    "cosine similarity": (lambda x: F.cosine_similarity(x, x.flip(1), dim=-1), {"sqrt": 2, "reciprocal": 2}),
    "distance": (lambda x: F.pairwise_distance(x, x.flip(1)), {"sqrt": 1}),
    "running sum": (lambda x: x.cumsum(1), {}),
    "running sum of the last": (lambda x: x.cumsum(-1), {}),
    "product of entries": (lambda x: x[..., :5].prod(-1), {}),
    # pooling
    "max pooling that overlaps": (lambda x: F.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True), {}),
    "max pooling 1d": (lambda x: F.max_pool1d(x[:, 0], 2), {}),
    "max pooling 3d": (lambda x: F.max_pool3d(x[:, None], 2), {}),
    "mean pooling": (lambda x: F.avg_pool2d(x, 2), {}),
    "mean pooling padded": (lambda x: F.avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=True), {}),
    "mean pooling of what is there": (lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), {}),
    "mean pooling by a divisor": (lambda x: F.avg_pool2d(x, 2, divisor_override=3), {}),
    "mean pooling 1d": (lambda x: F.avg_pool1d(x[:, 0], 3), {}),
    "mean pooling 3d": (lambda x: F.avg_pool3d(x[:, None], 2), {}),
    "mean pooling to unequal windows": (lambda x: F.adaptive_avg_pool2d(x, (3, 5)), {}),
    "mean pooling to one": (lambda x: F.adaptive_avg_pool2d(x, 1), {}),
    "adaptive max pooling": (lambda x: F.adaptive_max_pool2d(x, (2, 4)), {}),
    "adaptive max pooling to one": (lambda x: F.adaptive_max_pool2d(x, 1), {}),
    "adaptive max pooling to unequal windows": (lambda x: F.adaptive_max_pool2d(x, (3, 5)), {}),
    # resampling
    "nearest": (lambda x: F.interpolate(x, scale_factor=2), {}),
    "nearest by a fraction": (lambda x: F.interpolate(x, scale_factor=1.6), {}),
    "nearest exact": (lambda x: F.interpolate(x, size=(7, 3), mode="nearest-exact"), {}),
    "bilinear resampling": (lambda x: F.interpolate(x, scale_factor=1.7, mode="bilinear"), {}),
    "bilinear to a size": (lambda x: F.interpolate(x, (6, 5), mode="bilinear", align_corners=True), {}),
    "linear resampling": (lambda x: F.interpolate(x[:, 0], 11, mode="linear"), {}),
    "trilinear resampling": (lambda x: F.interpolate(x[:, None], scale_factor=2, mode="trilinear"), {}),
    "bicubic resampling": (lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"), {}),
    "pixel shuffle": (lambda x: F.pixel_shuffle(x[:, :4], 2), {}),
    "pixel unshuffle": (lambda x: F.pixel_unshuffle(x, 2), {}),
    "channel shuffle": (lambda x: F.channel_shuffle(x, 2), {}),
    # moves
    "pad": (lambda x: F.pad(x, (1, 1, 2, 0), value=0.5), {}),
    "pad by reflection": (lambda x: F.pad(x, (1, 2, 1, 0), mode="reflect"), {}),
    "pad by wrapping": (lambda x: F.pad(x, (1, 2, 1, 0), mode="circular"), {}),
    "roll and flip": (lambda x: x.roll(2, -1).flip(1, 2), {}),
    "repeat and tile": (lambda x: x.repeat(1, 2, 1, 1).tile(2), {}),
    "repeat interleave": (lambda x: x.repeat_interleave(2, 1), {}),
    "narrow and move": (lambda x: 2 * x.narrow(1, 2, 3).movedim(1, -1).swapaxes(1, 2), {}),
    "triangles": (lambda x: x.tril() + x.triu(1), {}),
    "windows": (lambda x: 2 * x.unfold(-1, 3, 2), {}),
    "patches": (lambda x: F.unfold(x, 2, stride=2), {}),
    "patches put together": (lambda x: F.fold(F.unfold(x, 2, stride=2) * 2, (4, 8), 2, stride=2), {}),
    "overlapping patches put together": (
        lambda x: F.fold(F.unfold(x, 3, 1, 1, 2), (4, 8), 3, dilation=1, padding=1, stride=2),
        {},
    ),
    "patches without a batch": (lambda x: F.fold(F.unfold(x, 2)[0], (4, 8), 2), {}),
    "cut and joined": (lambda x: torch.cat([x.chunk(2, 1)[1], torch.stack(x.unbind(1), 1)], 1), {}),
    "flattened": (lambda x: 2 * x.flatten(1).unflatten(1, (6, 32)).squeeze(), {}),
    "selected": (lambda x: x[:, [0, 2, 2]] + x.index_select(1, torch.tensor([1, 1, 0])), {}),
    "gathered": (lambda x: x.gather(-1, torch.zeros(x.shape, dtype=torch.long)), {}),
    "scattered and added": (
        lambda x: torch.zeros(x.shape[0], 3, 4, 8).index_add(1, torch.tensor([0, 1, 2, 0, 1, 2]), x),
        {},
    ),
    "masked": (lambda x: x.masked_fill(torch.ones(4, 8).tril() == 0, -1.0), {}),
    "chosen by a mask": (lambda x: torch.where(torch.arange(8) > 3, x, 2 * x), {}),
    "broadcast": (lambda x: x[:, :1].expand_as(x) + x[:, 1:2].broadcast_to(x.shape), {}),
    "diagonal": (lambda x: 2 * x.diagonal(dim1=-2, dim2=-1), {}),
    # in place
    "a column in place": (lambda x: _column_in_place(x), {}),
    "rows assigned": (lambda x: _rows_assigned(x), {"tanh": 1}),
    "chained in place": (lambda x: (x * 2).add_(1).mul_(3).relu_(), {"relu": 1}),
    "a view of what changes": (lambda x: _view_of_what_changes(x), {}),
}


def _column_in_place(x: torch.Tensor) -> torch.Tensor:
    y = x * 2
    y[:, 0].add_(1)
    y[:, 1:3, 2] *= 3
    return y


def _rows_assigned(x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros_like(x)
    for i in range(3):
        y[:, i] = torch.tanh(x[:, i]) if i == 1 else x[:, i + 1]
    y[:, -1, ::2] = 1.0
    return y


def _view_of_what_changes(x: torch.Tensor) -> torch.Tensor:
    y = x * 2
    early = y.view(x.shape[0], -1)
    turned = y.transpose(1, 2)
    y.add_(1)
    turned[:, 0] = 5.0
    return early[:, :6] + y.sum((1, 2, 3))[:, None]


@pytest.mark.parametrize("case", SITES)
def test_op_is_kept_and_its_sites_are_named(case: str, as_module: Callable[..., nn.Module]) -> None:
    function, expected = SITES[case]
    model = as_module(function)
    x = torch.randn(5, 6, 4, 8, generator=torch.Generator().manual_seed(0))
    converted = convert(model, (x[:3],), Approximation.exact())
    torch.testing.assert_close(converted(x), model(x), rtol=1e-5, atol=1e-5)
    assert converted.program.certificate().functions == expected
    batch = 7 if converted.program.batch else 1  # samples that meet are one inference
    assert converted.program.workload(batch).batch == batch


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
