"""Any network with inputs but no labels: the original's own choices are the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from torch import Tensor, nn

from approx.tasks.base import Batch, Inputs
from approx.tasks.outputs import run


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """A task without labels: accuracy on it is agreement with the original network, 1 for itself.

    Tuning on it teaches the network to choose as the original does.

    Attributes:
        network: The original; deep-copied for each `model()`.
        calibration_inputs: Positional or keyword arguments of each calibration and training call.
        test_inputs: Those of each scored call; none of them may be among the former.
        name: Name in reports and messages.

    Raises:
        ValueError: If either sequence is empty, or an input is in both.
    """

    network: nn.Module
    calibration_inputs: Sequence[Inputs]
    test_inputs: Sequence[Inputs]
    name: str = "unlabelled"

    def __post_init__(self) -> None:
        for field in ("calibration_inputs", "test_inputs"):
            if not len(getattr(self, field)):
                raise ValueError(f"{field}: must hold at least one input")
        known = set().union(*map(_samples, self.calibration_inputs))
        if any(not known.isdisjoint(_samples(inputs)) for inputs in self.test_inputs):
            raise ValueError("test_inputs: a sample is in calibration_inputs too: must be held out")

    def model(self) -> nn.Module:
        """Return a copy of the original in eval mode."""
        return deepcopy(self.network).eval()

    def train_batches(self) -> Sequence[Batch]:
        """Return the calibration inputs with the original's choices."""
        return self._batches(self.calibration_inputs)

    def calibration_batches(self) -> Sequence[Batch]:
        """Return the calibration inputs with the original's choices."""
        return self._batches(self.calibration_inputs)

    def test_batches(self) -> Sequence[Batch]:
        """Return the test inputs with the original's choices."""
        return self._batches(self.test_inputs)

    def _batches(self, inputs: Sequence[Inputs]) -> list[Batch]:
        return [Batch(each, run(self.network, each, self.name).argmax(-1)) for each in inputs]


def _samples(inputs: Inputs) -> set[bytes]:
    """What tells the samples of one call apart: the rows of its first tensor."""
    arguments = inputs.values() if isinstance(inputs, Mapping) else inputs
    first = next((value for value in arguments if isinstance(value, Tensor)), None)
    return set() if first is None else {row.numpy(force=True).tobytes() for row in first}
