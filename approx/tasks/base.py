"""What a task is: a trained network, and data to calibrate it, tune it and score it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

Inputs = tuple[Any, ...] | Mapping[str, Any]
"""Arguments of one forward call, positional or by keyword; tensors are batch first."""


def call(module: nn.Module, inputs: Inputs) -> Any:
    """Call a module on its inputs and return what it returns."""
    return module(**inputs) if isinstance(inputs, Mapping) else module(*inputs)


def moved(inputs: Inputs, device: torch.device) -> Inputs:
    """Return inputs with their tensors on a device and all else as it is."""
    if isinstance(inputs, Mapping):
        return {name: _moved(value, device) for name, value in inputs.items()}
    return tuple(_moved(value, device) for value in inputs)


def _moved(value: Any, device: torch.device) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value


def first_tensor(inputs: Inputs) -> Tensor:
    """Return the first tensor among the inputs, whose rows tell samples apart.

    Raises:
        ValueError: If there is none.
    """
    arguments = inputs.values() if isinstance(inputs, Mapping) else inputs
    found = next((value for value in arguments if isinstance(value, Tensor)), None)
    if found is None:
        raise ValueError("inputs: must hold at least one tensor")
    return found


@dataclass(frozen=True)
class Batch:
    """Inputs of one forward call and the classes they should give.

    Attributes:
        inputs: Positional arguments as a tuple, or keyword arguments as a dict; tensors are batch first.
        targets: Class indices, int64, of the logits' shape without its last axis: (batch,) for a
            classifier, (batch, positions) for a tagger. Entries of -100 are ignored. None where the
            network gives embeddings: vectors that are compared with the original network's.
    """

    inputs: Inputs
    targets: Tensor | None = None

    @property
    def labels(self) -> Tensor:
        """The targets of a batch that has them.

        Raises:
            ValueError: If it has none.
        """
        if self.targets is None:
            raise ValueError("targets = None: must be class indices, as embeddings have no accuracy")
        return self.targets

    def __len__(self) -> int:
        """Number of samples."""
        return len(first_tensor(self.inputs) if self.targets is None else self.targets)


@runtime_checkable
class Task(Protocol):
    """A trained network and its data, split so that no test sample is used for anything but scoring.

    Every sequence of batches can be iterated again and gives the same batches each time.
    """

    @property
    def name(self) -> str:
        """Name in reports and messages."""

    def model(self) -> nn.Module:
        """Return the trained network in eval mode, a fresh copy each time."""

    def train_batches(self) -> Sequence[Batch]:
        """Return batches to tune weights with; shuffled once, not augmented."""

    def calibration_batches(self) -> Sequence[Batch]:
        """Return the batches, taken from the training data, that set the tables' input ranges."""

    def test_batches(self) -> Sequence[Batch]:
        """Return the held-out batches that scores are computed on."""
