"""From a network's call to logits that can be scored: found, checked, on the CPU in float64."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from approx.tasks.base import Inputs, call, moved


def run(module: nn.Module, inputs: Inputs, where: str) -> Tensor:
    """Call a network with dropout off and no gradient, on the device of its parameters.

    Args:
        module: The network; it is left in the mode that it was in.
        inputs: Positional or keyword arguments.
        where: Named first in an error.

    Returns:
        The logits, (batch, ..., classes) in float64 on the CPU.

    Raises:
        ValueError: If there are no logits in the output, or a sample's are NaN, +infinity or all -infinity.
    """
    parameter = next(module.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    with torch.no_grad(), _eval_mode(module):
        output = call(module, moved(inputs, device))
    try:
        logits = logits_of(output).cpu().double()
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    unusable = torch.isnan(logits.log_softmax(-1)).any(-1)
    if unusable.any():
        kind = "NaN" if torch.isnan(logits).any() else "infinite"
        count = f"{int(unusable.sum())} of {unusable.numel()}"
        raise ValueError(f"{where}: output is {kind} for {count} samples: must be finite")
    return logits


def logits_of(output: Any) -> Tensor:
    """Return the logits in what a network returned: a tensor, a tuple's first, or `.logits`.

    Raises:
        ValueError: If there is no floating-point tensor of at least two axes there, or boxes or masks beside
            it, which would not be scored.
    """
    found = output[0] if isinstance(output, tuple | list) and output else output
    _check_alone(found, output)
    found = getattr(found, "logits", found)
    if not isinstance(found, Tensor) or found.dim() < 2 or not found.is_floating_point():
        raise ValueError(
            f"output is a {type(output).__name__} without logits: must be a tensor (batch, ..., classes), "
            "a tuple that starts with one, or an object with .logits"
        )
    return found


def _check_alone(found: Any, output: Any) -> None:
    """Refuse a detector's or segmenter's output, of which classes are only a part."""
    beside = {name for name in ("pred_boxes", "pred_masks") if getattr(found, name, None) is not None}
    if isinstance(found, Tensor) and isinstance(output, tuple | list):
        boxes = (*found.shape[:-1], 4)
        beside |= {"boxes" for each in output[1:] if isinstance(each, Tensor) and each.shape == boxes}
    if beside:
        raise ValueError(
            f"output has {', '.join(sorted(beside))} beside its classes: must be classes or vectors alone: "
            "detection has no figure here"
        )


@contextmanager
def _eval_mode(module: nn.Module) -> Iterator[None]:
    """Switch dropout and batch statistics off, and every submodule back to its own mode after."""
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True
