"""Networks that can be measured and costed: those of `approx.zoo`, and the trained ones of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accel_models.checks import did_you_mean
from approx import zoo
from approx.zoo import FullSize, Inputs
from dse.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from accel_models import Workload
    from approx import Approximation

FULL_SIZE = zoo.NETWORKS
"""By the names that study files and `neuralmatrix measure` use."""


def find(name: str) -> FullSize:
    """Return a network by name.

    Raises:
        UserError: If there is none of that name.
    """
    try:
        return zoo.find(name)
    except ValueError as error:
        raise UserError(str(error)) from None


def of_task(name: str) -> FullSize:
    """Return the trained network of a task, ready-made or `module:function`, with its own test data as input.

    Raises:
        UserError: If there is neither such a network nor such a task.
    """
    from approx import tasks

    if name not in tasks.registry.TASKS and ":" not in name:
        known = [*FULL_SIZE, *tasks.registry.TASKS]
        raise UserError(f"network = {name}: must be one of {', '.join(known)}{did_you_mean(name, known)}")
    task = tasks.load(name)
    first: Any = next(iter(task.test_batches())).inputs

    def example(batch: int, _size: int) -> Inputs:
        if isinstance(first, dict):
            return {key: _repeated(value, batch) for key, value in first.items()}
        return tuple(_repeated(value, batch) for value in first)

    return FullSize(name, task.model, 0, example)


def _repeated(values: Tensor, batch: int) -> Tensor:
    """Return the first rows of a tensor, over and over where there are fewer than asked for."""
    import torch

    return values[torch.arange(batch) % len(values)]


def workload(name: str, size: int, approximation: Approximation, batch: int = 1) -> Workload:
    """Return what an accelerator runs for a network: converted, but with no weights made.

    Args:
        name: A key of `FULL_SIZE`.
        size: Side of the image, or sequence length.
        approximation: The tables of its nonlinear functions.
        batch: Inferences at a time.

    Raises:
        UserError: If there is no such network, or it cannot be converted.
    """
    try:
        return zoo.workload(name, size, batch, approximation=approximation)
    except ValueError as error:
        raise UserError(f"{name}: {error}") from None
