"""GEMM instructions: every sum of products, written out as a matrix product."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from approx.machine.move import Array, axes_last, each, im2col, spread
from approx.machine.units import Units

GEMM: dict[str, Callable[..., Any]] = {}


def gemm(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as what executes the ops `names`."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        GEMM.update(dict.fromkeys(names, function))
        return function

    return register


@gemm("aten.linear.default")
def linear(unit: Units, x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x (..., K) times the transpose of W (N, K)."""
    return unit.product(x, weight.T, bias)


@gemm("aten.matmul.default", "aten.mm.default", "aten.bmm.default")
def matmul(unit: Units, a: Array, b: Array) -> Array:
    """A (..., M, K) times B (..., K, N)."""
    return unit.product(a, b)


@gemm("aten.conv1d.default", "aten.conv2d.default", "aten.conv3d.default")
def convolution(
    unit: Units,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Array:
    """im2col, then one product a group: (positions, Cg x kernel) times (Cg x kernel, N)."""
    n_axes = weight.ndim - 2
    kernel, out_channels = weight.shape[2:], weight.shape[0]
    columns = im2col(x, kernel, each(stride, n_axes), each(padding, n_axes), each(dilation, n_axes))
    batch, *positions = columns.shape[: 1 + n_axes]
    rows = columns.reshape(batch * math.prod(positions), groups, -1).transpose(1, 0, 2)
    filters = weight.reshape(groups, out_channels // groups, -1).transpose(0, 2, 1)
    start = None if bias is None else bias.reshape(groups, 1, -1)
    result = unit.product(rows, filters, start).transpose(1, 0, 2)
    return np.moveaxis(result.reshape(batch, *positions, out_channels), -1, 1)


@gemm("aten.convolution.default")
def any_convolution(
    unit: Units,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Array:
    """A convolution, or its transpose: the same product over inputs spread by the stride."""
    if not transposed:
        return convolution(unit, x, weight, bias, stride, padding, dilation, groups)
    n_axes = weight.ndim - 2
    reach = [
        d * (k - 1) - p
        for k, p, d in zip(weight.shape[2:], each(padding, n_axes), each(dilation, n_axes), strict=True)
    ]
    spaced = spread(x, each(stride, n_axes), reach, each(output_padding, n_axes))
    grouped = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    mirrored = np.flip(grouped.swapaxes(1, 2), axis=tuple(range(3, 3 + n_axes)))
    filters = mirrored.reshape(-1, *mirrored.shape[2:])
    return convolution(unit, spaced, filters, bias, [1], [0], dilation, groups)


@gemm("aten.sum.dim_IntList")
def total(unit: Units, x: Array, dims: Sequence[int] | None = None, keepdim: bool = False, **_: Any) -> Array:
    """Rows times a vector of ones."""
    return _weighted(unit, x, dims, keepdim, lambda n: np.ones((n, 1), np.float32))


@gemm("aten.mean.dim")
def mean(unit: Units, x: Array, dims: Sequence[int] | None = None, keepdim: bool = False, **_: Any) -> Array:
    """Rows times a vector of 1/n."""
    return _weighted(unit, x, dims, keepdim, lambda n: np.full((n, 1), 1.0 / n, np.float32))


def _weighted(
    unit: Units, x: Array, dims: Sequence[int] | None, keepdim: bool, vector: Callable[[int], Any]
) -> Array:
    rows, shape = axes_last(x, dims, keepdim)
    n = rows.shape[-1]
    return (rows if n == 1 else unit.product(rows, vector(n))).reshape(shape)
