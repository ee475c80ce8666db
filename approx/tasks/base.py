"""What a task is: a trained network, and data to calibrate it, tune it and score it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """Inputs of one forward call and the classes they should give.

    Attributes:
        inputs: Positional arguments as a tuple, or keyword arguments as a dict; tensors are batch first.
        targets: Class indices, int64, of the logits' shape without its last axis: (batch,) for a
            classifier, (batch, positions) for a tagger. Entries of -100 are ignored.
    """

    inputs: tuple[Any, ...] | Mapping[str, Any]
    targets: Tensor

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.targets)

    def run(self, module: nn.Module) -> Any:
        """Call the module on these inputs and return what it returns."""
        return module(**self.inputs) if isinstance(self.inputs, Mapping) else module(*self.inputs)

    def to(self, device: torch.device | str) -> Batch:
        """Return the same batch with its tensors on a device."""
        if isinstance(self.inputs, Mapping):
            moved: tuple[Any, ...] | dict[str, Any] = {k: _move(v, device) for k, v in self.inputs.items()}
        else:
            moved = tuple(_move(value, device) for value in self.inputs)
        return Batch(moved, self.targets.to(device))


def _move(value: Any, device: torch.device | str) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value


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
