"""The CPWL operator in torch: index, fetch, multiply-add.

A table of N segments has N+1 knots and N+2 entries: the left tail, the segments, the right tail. The entry of
x is the number of knots that are at most x.
"""

import torch


def cpwl(
    x: torch.Tensor, knots: torch.Tensor, slopes: torch.Tensor, intercepts: torch.Tensor
) -> torch.Tensor:
    """Evaluate a table at every element of x.

    Args:
        x: any shape, float. NaN gives NaN.
        knots: (N+1,) ascending.
        slopes: (N+2,) with the tails' first and last.
        intercepts: (N+2,) likewise.

    Returns:
        slopes[i] * x + intercepts[i], of x's shape; differentiable in x, slopes and intercepts.
    """
    largest = torch.finfo(x.dtype).max
    finite = x.clamp(-largest, largest)  # a tail of slope 0 must not meet an infinity: 0 * inf is NaN
    entry = torch.bucketize(finite.detach(), knots, right=True)
    return torch.addcmul(intercepts[entry], slopes[entry], finite)
