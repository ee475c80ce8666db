"""Resampling: nearest neighbours are moves, linear and cubic interpolation a matrix for each axis.

Patches are put together again by a transposed convolution.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten
from approx.network.rules.registry import rule

Sizes = Sequence[Any] | None
Scales = Sequence[float] | None


def _axes(b: Builder, x: fx.Node, size: Sizes, scales: Scales) -> list[tuple[int, int, float | None]]:
    """Each axis with its new size and, where it was given, the factor."""
    count = x.meta["val"].dim() - 2
    axes = range(2, 2 + count)
    if size is not None:
        return [(axis, n, None) for axis, n in zip(axes, size, strict=True)]
    factors = list(scales or [])
    return [(axis, int(b.fixed(x, axis) * f), f) for axis, f in zip(axes, factors, strict=True)]


def _resampled(n: int, size: int, factor: float | None, row: torch.Tensor, **how: Any) -> torch.Tensor:
    """What the interpolation makes of the rows of a matrix (rows, n) along its last axis."""
    by: dict[str, Any] = {"size": size} if factor is None else {"scale_factor": factor}
    return F.interpolate(row[None], **by, **how)[0]


def _nearest(mode: str) -> Any:
    def rewrite(b: Builder, x: fx.Node, output_size: Sizes, scale_factors: Scales) -> fx.Node:
        for axis, size, factor in _axes(b, x, output_size, scale_factors):
            n = b.fixed(x, axis)
            places = torch.arange(n, dtype=torch.float64, device="cpu")[None]
            chosen = _resampled(n, size, factor, places, mode=mode)[0].to(torch.int64)
            index = b.constant(f"{b.module_path}.index".lstrip("."), chosen.to(x.meta["val"].device))
            x = b.op(aten.index_select.default, x, axis, index)
        return x

    return rewrite


rule(aten.upsample_nearest1d.vec, aten.upsample_nearest2d.vec, aten.upsample_nearest3d.vec)(
    _nearest("nearest")
)
rule(
    aten._upsample_nearest_exact1d.vec, aten._upsample_nearest_exact2d.vec, aten._upsample_nearest_exact3d.vec
)(_nearest("nearest-exact"))


@rule(aten.upsample_linear1d.vec, aten.upsample_bilinear2d.vec, aten.upsample_trilinear3d.vec)
def linear(b: Builder, x: fx.Node, output_size: Sizes, align_corners: bool, scale_factors: Scales) -> fx.Node:
    """Linear interpolation of one axis after another: a product with a constant matrix each."""
    for axis, size, factor in _axes(b, x, output_size, scale_factors):
        n = b.fixed(x, axis)
        unit = torch.eye(n, dtype=torch.float64, device="cpu")
        how = {"mode": "linear", "align_corners": align_corners}
        x = b.along(x, axis, _resampled(n, size, factor, unit, **how).T)
    return x


@rule(aten.upsample_bicubic2d.vec)
def cubic(b: Builder, x: fx.Node, output_size: Sizes, align_corners: bool, scale_factors: Scales) -> fx.Node:
    """Cubic interpolation of one axis after another: a product with a constant matrix each."""
    for axis, size, factor in _axes(b, x, output_size, scale_factors):
        n = b.fixed(x, axis)
        unit = torch.eye(n, dtype=torch.float64, device="cpu")[None, None]
        by: dict[str, Any] = {"size": (n, size)} if factor is None else {"scale_factor": (1.0, factor)}
        matrix = F.interpolate(unit, **by, mode="bicubic", align_corners=align_corners)[0, 0]
        x = b.along(x, axis, matrix.T)
    return x


@rule(aten.grid_sampler.default)
def at_grid(
    b: Builder, x: fx.Node, grid: fx.Node, interpolation: int, padding: int, align_corners: bool
) -> fx.Node:
    """Samples at a constant grid (1 or N alike, H, W, 2): a product with what each takes of each pixel.

    Raises:
        UnsupportedOperator: the grid depends on an input, or differs from image to image.
    """
    places = b.known(_of_one(grid))
    if places is None or (len(places) > 1 and bool((places != places[:1]).any())):
        raise b.refusal("where it reads depends on the input; one constant grid would be supported")
    *_, rows, columns = (b.fixed(x, axis) for axis in (-2, -1))
    units = torch.eye(rows * columns, dtype=torch.float64, device="cpu").view(-1, 1, rows, columns)
    grids = places[:1].double().cpu().expand(len(units), -1, -1, -1)
    taken = torch.grid_sampler(units, grids, interpolation, padding, align_corners)
    pixels = b.op(aten.flatten.using_ints, x, -2, -1)
    samples = b.along(pixels, -1, taken.flatten(1).T)
    return b.op(aten.unflatten.int, samples, -1, list(places.shape[1:3]))


def _of_one(grid: fx.Node) -> fx.Node:
    """A grid before it was expanded for every image."""
    return grid.args[0] if grid.target is aten.expand.default else grid  # type: ignore[return-value]


@rule(aten.col2im.default)
def fold(
    b: Builder,
    x: fx.Node,
    output_size: Sequence[Any],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> fx.Node:
    """Sum overlapping patches (N, C kh kw, L) into images: a kernel with a single 1 for each place."""
    places = kernel_size[0] * kernel_size[1]
    channels = b.fixed(x, -2) // places
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel_size, strict=True)]
    room = [n + 2 * p - r for n, p, r in zip(output_size, padding, reach, strict=True)]
    counts, left = (
        [r // s + 1 for r, s in zip(room, stride, strict=True)],
        [r % s for r, s in zip(room, stride, strict=True)],
    )
    batched = x.meta["val"].dim() == 3
    x = b.op(aten.view.default, x, [-1, channels * places, *counts])
    one = torch.eye(places, dtype=x.meta["val"].dtype, device=x.meta["val"].device)
    kernels = one.reshape(places, 1, *kernel_size).repeat(channels, 1, 1, 1)
    weight = b.constant(f"{b.module_path}.fold".lstrip("."), kernels)
    y = b.op(aten.conv_transpose2d.input, x, weight, None, stride, padding, left, channels, dilation)
    return y if batched else b.op(aten.squeeze.dim, y, 0)
