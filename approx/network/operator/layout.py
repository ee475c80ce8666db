"""How tensors lie in memory, for operators that walk over their elements in storage order."""

import torch


def dense(x: torch.Tensor) -> torch.Tensor:
    """X, or a copy, whose elements fill its storage without gaps, in whatever order."""
    channels_last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
    return x if x.is_contiguous() or channels_last else x.contiguous()


def like(gradient: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The gradient, or a copy, laid out as x."""
    return gradient if gradient.stride() == x.stride() else torch.empty_like(x).copy_(gradient)
