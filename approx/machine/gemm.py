"""GEMM instructions: every sum of products, written out as a matrix product."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from approx.machine.choices import running_total
from approx.machine.units import Units
from approx.machine.windows import Array, axes_last, batched, each, windows

GEMM: dict[str, Callable[..., Any]] = {"aten.cumsum.default": running_total}


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
    """im2col, then one product a group: (positions, C/g kernel) times (C/g kernel, N/g)."""
    axes = weight.ndim - 2
    whole = batched(x, axes)
    taken = windows(whole, weight.shape[2:], each(stride, axes), each(padding, axes), each(dilation, axes))
    places, channels = taken.shape[: 1 + axes], weight.shape[0]
    rows = taken.reshape(math.prod(places), groups, -1).transpose(1, 0, 2)
    filters = weight.reshape(groups, channels // groups, -1).transpose(0, 2, 1)
    start = None if bias is None else bias.reshape(groups, 1, -1)
    product = unit.product(rows, filters, start).transpose(1, 0, 2).reshape(*places, channels)
    result = np.moveaxis(product, -1, 1)
    return result if whole is x else result[0]


@gemm("aten.conv_transpose1d.default", "aten.conv_transpose2d.input", "aten.conv_transpose3d.input")
def transposed_convolution(
    unit: Units,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    output_padding: Sequence[int] = (0,),
    groups: int = 1,
    dilation: Sequence[int] = (1,),
) -> Array:
    """One product a group, (positions, C/g) times (C/g, N/g kernel), its overlapping results added."""
    axes = weight.ndim - 2
    whole = batched(x, axes)
    steps, taps, margins = each(stride, axes), each(dilation, axes), each(padding, axes)
    pieces = _pieces(unit, whole, weight, groups)
    size = [
        (n - 1) * s + d * (k - 1) + 1 + extra
        for n, s, d, k, extra in zip(
            whole.shape[2:], steps, taps, weight.shape[2:], each(output_padding, axes), strict=True
        )
    ]
    start = unit.numbers(np.zeros(pieces.shape[1])) if bias is None else bias
    added = _overlapped(unit, start, size, pieces, steps, taps)
    cut = [slice(p, n - p) for p, n in zip(margins, size, strict=True)]
    result = added[(slice(None), slice(None), *cut)]
    return result if whole is x else result[0]


def _pieces(unit: Units, x: Array, weight: Array, groups: int) -> Array:
    """What every input position adds to the outputs around it; (B, N, *spatial, *kernel)."""
    batch, _, *spatial = x.shape
    kernel = weight.shape[2:]
    positions = np.moveaxis(x.reshape(batch, groups, -1, *spatial), 2, -1).swapaxes(0, 1)
    rows = positions.reshape(groups, -1, positions.shape[-1])
    filters = weight.reshape(groups, rows.shape[-1], -1)
    product = unit.product(rows, filters).reshape(groups, batch, *spatial, -1, *kernel)
    return np.moveaxis(product, -1 - len(kernel), 2).swapaxes(0, 1).reshape(batch, -1, *spatial, *kernel)


def _overlapped(
    unit: Units,
    start: Array,
    size: Sequence[int],
    pieces: Array,
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Array:
    """Add pieces (B, N, *spatial, *kernel) where they belong, onto `start` a channel."""
    axes = len(stride)
    shape = (*pieces.shape[:2], *size)
    result = np.copy(np.broadcast_to(start.reshape(-1, *[1] * axes), shape), subok=True)
    for tap in itertools.product(*(range(k) for k in pieces.shape[2 + axes :])):
        place = [
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilation, pieces.shape[2 : 2 + axes], stride, strict=True)
        ]
        where = (slice(None), slice(None), *place)
        result[where] = unit.add(result[where], pieces[(Ellipsis, *tap)])
    return result


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
    """A convolution, transposed or not."""
    if transposed:
        return transposed_convolution(
            unit, x, weight, bias, stride, padding, output_padding, groups, dilation
        )
    return convolution(unit, x, weight, bias, stride, padding, dilation, groups)


Spread = Callable[[Array], Array]
_TRANSPOSED = ("aten.conv_transpose1d.default", "aten.conv_transpose2d.input", "aten.conv_transpose3d.input")


def spread(target: str, arguments: Sequence[Any], size: Sequence[int]) -> Spread:
    """What shapes a number for each output channel, (N,), to the weights of a layer.

    Args:
        target: the op.
        arguments: of the op.
        size: of the weights: (N, ...), transposed (C, N / groups, ...).
    """
    general = target == "aten.convolution.default"
    if not (target in _TRANSPOSED or (general and arguments[6])):
        return lambda values: values.reshape([-1] + [1] * (len(size) - 1))
    position = 8 if general else 6
    groups = arguments[position] if len(arguments) > position else 1

    def layout(values: Array) -> Array:
        parts = np.repeat(values.reshape(groups, size[1]), size[0] // groups, axis=0)
        return parts.reshape([size[0], size[1]] + [1] * (len(size) - 2))

    return layout


@gemm("aten.sum.dim_IntList")
def total(unit: Units, x: Array, dims: Sequence[int] | None = None, keepdim: bool = False, **_: Any) -> Array:
    """Rows times a vector of ones."""
    return _weighted(unit, x, dims, keepdim, lambda _: 1.0)


@gemm("aten.mean.dim")
def mean(unit: Units, x: Array, dims: Sequence[int] | None = None, keepdim: bool = False, **_: Any) -> Array:
    """Rows times a vector of 1/n."""
    return _weighted(unit, x, dims, keepdim, lambda n: 1.0 / n)


def _weighted(
    unit: Units, x: Array, dims: Sequence[int] | None, keepdim: bool, weight: Callable[[int], float]
) -> Array:
    rows, shape = axes_last(x, dims, keepdim)
    n = rows.shape[-1]
    column = np.full((n, 1), weight(n), np.float32)
    return (rows if n == 1 else unit.product(rows, column)).reshape(shape)


def average_pool(axes: int) -> Callable[..., Array]:
    """Windows times a vector of 1/n; where n differs by position, of ones, and then a Hadamard product."""

    def execute(
        unit: Units,
        x: Array,
        kernel: Sequence[int],
        stride: Sequence[int] = (),
        padding: Sequence[int] = (0,),
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Array:
        window, margins = each(kernel, axes), each(padding, axes)
        steps = each(stride or kernel, axes)
        whole = batched(x, axes)
        taken = np.moveaxis(windows(whole, window, steps, margins, [1] * axes, 0.0, ceil_mode), 1 + axes, 1)
        rows = taken.reshape(*taken.shape[: 2 + axes], -1)
        counts = _counts(whole.shape[2:], window, steps, margins, ceil_mode, count_include_pad)
        if divisor_override is not None:
            counts = np.full_like(counts, divisor_override)
        n = float(counts.flat[0])
        even = bool((counts == n).all())
        column = np.full((rows.shape[-1], 1), 1.0 / n if even else 1.0, np.float32)
        sums = unit.product(rows, column)[..., 0]
        result = sums if even else unit.multiply(sums, 1.0 / counts)
        return result if whole is x else result[0]

    return execute


def _counts(
    spatial: Sequence[int],
    window: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
) -> Array:
    """Words that an average at each position divides by; known from the shape alone."""
    ones = np.ones((1, 1, *spatial), np.float32)
    margins = list(padding)
    if count_include_pad and not ceil_mode:
        return np.full([1] * len(spatial), math.prod(window), np.float32)
    if count_include_pad:
        sides = [(0, 0), (0, 0), *((p, p) for p in padding)]
        ones = np.pad(ones, sides, constant_values=1.0)
        margins = [0] * len(margins)
    taken = windows(ones, window, stride, margins, [1] * len(window), 0.0, ceil_mode)
    return taken.reshape(*taken.shape[1 : 1 + len(window)], -1).sum(-1)


GEMM.update({f"aten.avg_pool{axes}d.default": average_pool(axes) for axes in (1, 2, 3)})
