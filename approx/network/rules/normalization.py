"""Normalization: means are GEMMs with a constant vector, the inverse deviation is an rsqrt site."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten, shape
from approx.network.rules.registry import rule

_CONVOLUTIONS = (aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)


@rule(aten.layer_norm.default)
def layer_norm(
    b: Builder,
    x: fx.Node,
    normalized_shape: Sequence[int],
    weight: fx.Node | None = None,
    bias: fx.Node | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> fx.Node:
    """(x - mean) * rsqrt(variance + eps) * weight + bias over the last dimensions."""
    dims = list(range(-len(normalized_shape), 0))
    return _affine(b, _standardize(b, x, dims, eps), weight, bias)


@rule(aten.rms_norm.default)
def rms_norm(
    b: Builder,
    x: fx.Node,
    normalized_shape: Sequence[int],
    weight: fx.Node | None = None,
    eps: float | None = None,
) -> fx.Node:
    """X * rsqrt(mean square + eps) * weight over the last dimensions."""
    dims = list(range(-len(normalized_shape), 0))
    epsilon = torch.finfo(x.meta["val"].dtype).eps if eps is None else eps
    return _affine(b, _scale_to_unit(b, x, b.mul(x, x), dims, epsilon), weight, None)


@rule(aten.group_norm.default)
def group_norm(
    b: Builder,
    x: fx.Node,
    num_groups: int,
    weight: fx.Node | None = None,
    bias: fx.Node | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> fx.Node:
    """Standardized over each group of channels and its positions, then an affine map a channel."""
    sizes = list(shape(x))
    grouped = b.op(aten.reshape.default, x, [-1, num_groups, sizes[1] // num_groups, *sizes[2:]])
    standard = _standardize(b, grouped, list(range(2, len(sizes) + 1)), eps)
    flat = b.op(aten.reshape.default, standard, [-1, *sizes[1:]])
    return _affine(b, flat, _a_channel(b, weight, x), _a_channel(b, bias, x))


@rule(aten.instance_norm.default)
def instance_norm(
    b: Builder,
    x: fx.Node,
    weight: fx.Node | None,
    bias: fx.Node | None,
    running_mean: fx.Node | None,
    running_var: fx.Node | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> fx.Node:
    """Standardized over the positions of each channel; with running statistics it is a batch norm."""
    if not use_input_stats and running_mean is not None and running_var is not None:
        statistics = (running_mean, running_var, False, momentum, eps, cudnn_enabled)
        return batch_norm(b, x, weight, bias, *statistics)
    standard = _standardize(b, x, list(range(2, len(shape(x)))), eps)
    return _affine(b, standard, _a_channel(b, weight, x), _a_channel(b, bias, x))


@rule(aten.batch_norm.default)
def batch_norm(
    b: Builder,
    x: fx.Node,
    weight: fx.Node | None,
    bias: fx.Node | None,
    running_mean: fx.Node | None,
    running_var: fx.Node | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> fx.Node:
    """Folded into the convolution before it, else a constant scale and shift a channel.

    Without running statistics it standardizes each channel over the batch.
    """
    if training or running_mean is None or running_var is None:
        dims = [d for d in range(len(shape(x))) if d != 1]
        standard = _standardize(b, x, dims, eps)
        return _affine(b, standard, _a_channel(b, weight, x), _a_channel(b, bias, x))
    parameters = [p for p in (running_mean, running_var, weight, bias) if p is not None]
    if any(b.tensor(p) is None for p in parameters):
        return _scaled_and_shifted(b, x, weight, bias, running_mean, running_var, eps)
    mean, variance = _constant(b, running_mean), _constant(b, running_var)
    gamma = torch.ones_like(mean) if weight is None else _constant(b, weight)
    beta = torch.zeros_like(mean) if bias is None else _constant(b, bias)
    scale = gamma * torch.rsqrt(variance + eps)
    shift = beta - mean * scale
    if x.target in _CONVOLUTIONS and _only_use(b, x):
        return _fold(b, x, scale, shift)
    columns = [-1] + [1] * (len(shape(x)) - 2)
    scaled = b.mul(x, b.constant(f"{b.module_path}.scale", scale.reshape(columns), trainable=True))
    return b.add(scaled, b.constant(f"{b.module_path}.shift", shift.reshape(columns), trainable=True))


def _fold(b: Builder, convolution: fx.Node, scale: torch.Tensor, shift: torch.Tensor) -> fx.Node:
    """The same convolution with scaled filters and a shifted bias."""
    target: Any = convolution.target
    x, weight, *rest = convolution.args
    filters = _constant(b, weight)
    old_bias = rest.pop(0) if rest else None
    bias = shift if old_bias is None else shift + scale * _constant(b, old_bias)
    b.at(convolution)
    folded = b.constant(
        f"{b.module_path}.weight", filters * scale.reshape([-1] + [1] * (filters.dim() - 1)), trainable=True
    )
    return b.op(target, x, folded, b.constant(f"{b.module_path}.bias", bias, trainable=True), *rest)


def _only_use(b: Builder, convolution: fx.Node) -> bool:
    """The norm is the convolution's only reader, and its filters are parameters."""
    origin = b.origin.args[0] if b.origin is not None else None
    return (
        isinstance(origin, fx.Node) and len(origin.users) == 1 and b.tensor(convolution.args[1]) is not None
    )


def _constant(b: Builder, node: object) -> torch.Tensor:
    tensor = b.tensor(node)
    if tensor is None:
        raise b.refusal("its filters are not a fixed tensor")
    return tensor.detach()


def _scaled_and_shifted(
    b: Builder,
    x: fx.Node,
    weight: fx.Node | None,
    bias: fx.Node | None,
    mean: fx.Node,
    variance: fx.Node,
    eps: float,
) -> fx.Node:
    """Scale and shift a channel where statistics or parameters are themselves computed."""
    deviation = b.add(variance, eps)
    inverse = b.site("rsqrt", deviation) if b.varies(deviation) else b.op(aten.rsqrt.default, deviation)
    scale = inverse if weight is None else b.mul(weight, inverse)
    shifted = b.mul(b.sub(x, _a_channel(b, mean, x)), _a_channel(b, scale, x))
    return _affine(b, shifted, None, _a_channel(b, bias, x))


def _standardize(b: Builder, x: fx.Node, dims: list[int], eps: float) -> fx.Node:
    centred = b.sub(x, b.mean(x, dims))
    return _scale_to_unit(b, centred, b.mul(centred, centred), dims, eps)


def _scale_to_unit(b: Builder, x: fx.Node, squares: fx.Node, dims: list[int], eps: float) -> fx.Node:
    return b.mul(x, b.site("rsqrt", b.add(b.mean(squares, dims), eps)))


def _affine(b: Builder, x: fx.Node, weight: fx.Node | None, bias: fx.Node | None) -> fx.Node:
    scaled = x if weight is None else b.mul(x, weight)
    return scaled if bias is None else b.add(scaled, bias)


def _a_channel(b: Builder, parameter: fx.Node | None, x: fx.Node) -> fx.Node | None:
    """A parameter a channel, shaped to broadcast over positions."""
    if parameter is None:
        return None
    return b.op(aten.reshape.default, parameter, [-1] + [1] * (len(shape(x)) - 2))
