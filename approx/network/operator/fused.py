"""The CPWL operator as one fused kernel a pass on CUDA, through Triton.

Takes float32, float16 and bfloat16; computes in float32 and returns x's type, as `reference` does. Triton
comes with CUDA builds of torch, or as the extra `neuralmatrix[cuda]`; it is imported when the first CUDA
tensor arrives. Where it is missing, or cannot compile for the device, `reference` serves.

What was checked, in tests/approx/network/test_fused.py: index, values and gradients against `reference` in
Triton's interpreter on the CPU, and that the kernels compile to binaries for compute capability 8.0 and 9.0.
No GPU was at hand: none of them has run on one or been timed.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from approx.network.operator.layout import dense, like

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
BLOCK = 1024
"""Elements that a program takes at a time."""
GROUP = 16
"""Lines whose gradients one pass over a block adds up."""
PROGRAMS = 512
"""Programs among which the sums of the lines' gradients are split."""


def handles(x: torch.Tensor, lines: torch.Tensor) -> bool:
    """Whether x can take the fused path."""
    return x.is_cuda and x.dtype in DTYPES and lines.dtype is torch.float32 and _usable(x.device)


def cpwl(x: torch.Tensor, knots: torch.Tensor, lines: torch.Tensor) -> torch.Tensor:
    """Evaluate a table at every element of x; arguments as for `approx.network.operator.cpwl`."""
    result: torch.Tensor = _Cpwl.apply(x, knots, lines)  # type: ignore[no-untyped-call]
    return result


@lru_cache
def _usable(device: torch.device) -> bool:
    """Whether Triton is there and compiles for the device; tried once, on a small table."""
    if find_spec("triton") is None:
        return False
    line = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], device=device)
    try:
        _forward(torch.zeros(1, device=device), torch.tensor([0.0, 1.0], device=device), line)
    except Exception as error:  # whatever a compiler raises: the plain path serves in its place
        reason = str(error).strip().partition("\n")[0]
        warnings.warn(f"Triton does not work on {device} ({reason}): plain torch serves", stacklevel=2)
        return False
    return True


class _Cpwl(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, knots: torch.Tensor, lines: torch.Tensor) -> torch.Tensor:
        x, knots, lines = dense(x.detach()), knots.contiguous(), lines.detach().contiguous()
        ctx.save_for_backward(x, knots, lines)
        return _forward(x, knots, lines)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, None, torch.Tensor | None]:
        x, knots, lines = ctx.saved_tensors
        gradient = like(gradient, x)
        to_x = _backward_input(x, gradient, knots, lines) if ctx.needs_input_grad[0] else None
        to_lines = _backward_lines(x, gradient, knots) if ctx.needs_input_grad[2] else None
        return to_x, None, to_lines


def _forward(x: torch.Tensor, knots: torch.Tensor, lines: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    if x.numel():
        with _on(x):
            arguments = x, y, x.numel(), knots, knots.numel(), lines
            _kernels().forward[(_blocks(x),)](*arguments, **_options(knots))
    return y


def _backward_input(
    x: torch.Tensor, gradient: torch.Tensor, knots: torch.Tensor, lines: torch.Tensor
) -> torch.Tensor:
    to_x = torch.empty_like(x)
    if x.numel():
        with _on(x):
            arguments = x, gradient, to_x, x.numel(), knots, knots.numel(), lines
            _kernels().backward_input[(_blocks(x),)](*arguments, **_options(knots))
    return to_x


def _backward_lines(x: torch.Tensor, gradient: torch.Tensor, knots: torch.Tensor) -> torch.Tensor:
    programs = min(_blocks(x), PROGRAMS)
    rows = torch.zeros((programs, knots.numel() + 1, 2), dtype=torch.float32, device=x.device)
    if x.numel():
        with _on(x):
            arguments = x, gradient, rows, x.numel(), knots, knots.numel()
            _kernels().backward_lines[(programs,)](*arguments, **_options(knots), GROUP=GROUP)
    return rows.sum(0, dtype=torch.float64).float()


def _options(knots: torch.Tensor) -> dict[str, Any]:
    """What the kernels are compiled for; they say themselves where a product is fused with a sum."""
    return {"STEPS": knots.numel().bit_length(), "BLOCK": BLOCK, "enable_fp_fusion": False}


def _kernels() -> ModuleType:
    return import_module("approx.network.operator.kernels")


def _blocks(x: torch.Tensor) -> int:
    return -(-x.numel() // BLOCK)


def _on(x: torch.Tensor) -> AbstractContextManager[Any]:
    """Make x's device the one that kernels are launched on."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()
