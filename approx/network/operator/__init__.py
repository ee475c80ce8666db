"""The CPWL operator: index, fetch, multiply-add, for every element of a tensor.

A table of N segments has N+1 knots and N+2 lines (slope, intercept): the left tail, the segments, the right
tail. The line of x is that of the number of knots that are at most x.

`reference` says it in plain torch, for any device; `native` does it in one pass on the CPU and `fused` in one
kernel on CUDA, to the same index and within one unit in the last place. `cpwl` takes the fastest that can.
"""

import torch

from approx.network.operator import fused, native, reference
from approx.network.operator.native import IndexMap

__all__ = ["IndexMap", "cpwl"]


def cpwl(
    x: torch.Tensor, knots: torch.Tensor, lines: torch.Tensor, index: IndexMap | None = None
) -> torch.Tensor:
    """Evaluate a table at every element of x.

    Args:
        x: any shape, float. NaN gives NaN.
        knots: (N+1,) ascending float32.
        lines: (N+2, 2) slope and intercept, the tails' first and last.
        index: the knots' index map, for the CPU; None leaves it to `reference`.

    Returns:
        slope * x + intercept, of x's shape and type; differentiable in x and lines.
    """
    if index is not None and native.handles(x):
        return native.cpwl(x, lines, index)
    if fused.handles(x, lines):
        return fused.cpwl(x, knots, lines)
    return reference.cpwl(x, knots, lines)
