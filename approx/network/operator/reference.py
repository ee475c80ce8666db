"""The CPWL operator in plain torch: what the native path must equal, and what runs on other devices."""

import torch


def cpwl(x: torch.Tensor, knots: torch.Tensor, lines: torch.Tensor) -> torch.Tensor:
    """Evaluate a table at every element of x; arguments as for `approx.network.operator.cpwl`."""
    wide = x.to(torch.promote_types(x.dtype, lines.dtype))
    largest = torch.finfo(wide.dtype).max
    finite = wide.clamp(-largest, largest)  # a tail of slope 0 must not meet an infinity: 0 * inf is NaN
    entry = torch.bucketize(finite.detach().contiguous(), knots, right=True)
    slopes, intercepts = lines.unbind(1)
    return torch.addcmul(intercepts[entry], slopes[entry], finite).to(x.dtype)
